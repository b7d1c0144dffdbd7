/* Millrace's browser tracker. Put into a page:
 *
 *   <script async src="https://collect.example.com/millrace.js" data-key="WRITE_KEY"></script>
 *
 * Attributes: data-key, a write key; data-url, where events go if not to where this file came from; data-auto="off", no page
 * views or clicks of its own. Then: millrace.track("purchase", {amount: 9.5}), millrace.page(), millrace.identify("user-42"),
 * millrace.reset(), millrace.flush(). Calls before the file is there: window.millrace = window.millrace || {q: []} and
 * millrace.q.push(["track", "purchase", {amount: 9.5}]).
 *
 * An event stays in the browser's storage until a collector has said that it is in the log, and is sent again with the same
 * id until then, so it is counted once however often it was sent. Nothing is kept or sent when the visitor asks not to be
 * tracked.
 */
(function (window, document) {
  "use strict";
  var MOST = 500, EVERY = 10000, BYTES = 6e4, RETRY = 1000, SLOWEST = 3e5, LONGEST = 3600;
  var navigator = window.navigator, location = window.location, script = document.currentScript || {};
  var early = window.millrace && window.millrace.q || [];
  var option = function (name) { return script.getAttribute && script.getAttribute("data-" + name); };
  var silent = navigator.doNotTrack == 1 || window.doNotTrack == 1 || navigator.globalPrivacyControl;

  // Storage may be full, or forbidden: then what is here lives as long as the page.
  var shelf = {}, prefix = "millrace.";
  function get(name) {
    try { var text = window.localStorage.getItem(prefix + name); if (text) return JSON.parse(text); } catch (e) {}
    return shelf[name];
  }
  function put(name, value) {
    shelf[name] = value;
    try {
      if (value === undefined) window.localStorage.removeItem(prefix + name);
      else window.localStorage.setItem(prefix + name, JSON.stringify(value));
    } catch (e) {}
  }

  // RFC 9562, version 7: the time, then chance, so that ids of a visitor lie near each other in the log.
  function uuid() {
    var bytes = new Uint8Array(16), now = Date.now(), text = "";
    window.crypto.getRandomValues(bytes);
    for (var i = 5; i >= 0; i--) { bytes[i] = now % 256; now = Math.floor(now / 256); }
    bytes[6] = bytes[6] & 15 | 112;
    bytes[8] = bytes[8] & 63 | 128;
    for (i = 0; i < 16; i++) text += (i > 3 && i < 11 && i % 2 == 0 ? "-" : "") + (bytes[i] + 256).toString(16).slice(1);
    return text;
  }

  // A queue of each tab's own, so that tabs do not overwrite each other's; those of tabs that are gone are taken over.
  var tab = "queue." + uuid(), queue = [], inFlight = 0, wait = 0, most = MOST, timer;
  function keep() { put(tab, queue.length ? queue : undefined); }
  function adopt() {
    try {
      Object.keys(window.localStorage).forEach(function (key) {
        var name = key.slice(prefix.length);
        // A tab that still lives sends them, too, and its ids are the same.
        if (key.indexOf(prefix + "queue.") || name == tab) return;
        queue = (get(name) || []).concat(queue);
        put(name);
      });
    } catch (e) {}
    keep();
  }

  function target() { return (option("url") || new URL(script.src || location.href).origin) + "/events/batch"; }
  function address() { return target() + (option("key") ? "?write_key=" + encodeURIComponent(option("key")) : ""); }
  // As many of the first as a request holds: what may be under way when a page is left is 64 KiB.
  function batch(from) {
    var bytes = 0, some = [];
    for (var i = from; i < queue.length && some.length < most; i++) {
      bytes += new Blob([JSON.stringify(queue[i])]).size + 1;
      if (some.length && bytes > BYTES) break;
      some.push(queue[i]);
    }
    return some;
  }
  // text/plain is what a page may send to another origin without asking first.
  function body(events) { return new Blob([JSON.stringify({ sent_at: Date.now(), events: events })], { type: "text/plain" }); }

  function later(milliseconds) {
    window.clearTimeout(timer);
    timer = window.setTimeout(flush, milliseconds);
  }
  function flush() {
    if (silent || inFlight || !queue.length || navigator.onLine === false) return;
    var events = batch(0);
    inFlight = events.length;
    function again(seconds) {
      inFlight = 0;
      wait = Math.min(wait ? wait * 2 : RETRY, SLOWEST);
      later(Math.max(wait * (0.5 + Math.random()), Math.min(seconds || 0, LONGEST) * 1000));
    }
    window.fetch(address(), { method: "POST", body: body(events), keepalive: true, credentials: "omit" }).then(function (answer) {
      // What is refused for what it is would be refused for ever. All else comes again, also what a proxy says, as 408.
      if (answer.status == 401 || answer.status == 403 || answer.status == 404) return again(60);
      // Somebody on the way takes less than we hold to be a batch.
      if (answer.status == 413 && events.length > 1) {
        most = events.length >> 1;
        inFlight = 0;
        return later(RETRY);
      }
      if (!answer.ok && [400, 413, 415, 422].indexOf(answer.status) < 0) return again(+answer.headers.get("Retry-After"));
      var sent = {};
      events.forEach(function (event) { sent[event.event_id] = 1; });
      queue = queue.filter(function (event) { return !sent[event.event_id]; });
      inFlight = wait = 0;
      keep();
      if (queue.length) later(queue.length < MOST ? EVERY : 0);
    }, function () { again(); });
  }
  // Nobody hears the answer to this; what was sent stays in storage and goes out again with the next page.
  function farewell() {
    if (silent || !navigator.sendBeacon) return;
    for (var from = inFlight, some; (some = batch(from)).length; from += some.length) {
      if (!navigator.sendBeacon(address(), body(some))) break;
    }
  }

  function anonymous() {
    var id = get("anonymous");
    if (!id) put("anonymous", id = uuid());
    return id;
  }
  function add(type, properties) {
    if (silent) return;
    var event = {
      event_id: uuid(), event_type: type, anonymous_id: anonymous(), timestamp: new Date().toISOString(),
      page: { url: location.href, path: location.pathname, title: document.title, referrer: document.referrer },
      device: { language: navigator.language, screen: window.screen.width + "x" + window.screen.height }
    };
    var user = get("user");
    if (user) event.user_id = user;
    if (properties) event.properties = properties;
    queue.push(event);
    // The oldest go: what a visitor does now is worth more than what could not be sent for days.
    if (queue.length > 4 * MOST) queue.splice(inFlight, queue.length - 4 * MOST);
    keep();
    if (queue.length >= MOST) flush();
    else if (!inFlight && !wait && queue.length == 1) later(EVERY);
    return event.event_id;
  }

  var last;
  function page(properties) { last = location.href; return add("page_view", properties); }
  function moved() { if (location.href != last) page(); }

  var api = {
    track: function (name, properties) { return add("" + name, properties); },
    page: page,
    identify: function (user, traits) {
      if (silent) return;
      put("user", "" + user);
      return add("identify", traits);
    },
    // Another person sits down: a new anonymous id, and no user.
    reset: function () { put("user"); put("anonymous"); },
    flush: flush
  };
  window.millrace = api;
  api.q = { push: function (call) { return api[call[0]].apply(api, call.slice(1)); } };
  if (silent) return;

  adopt();
  if (option("auto") != "off") {
    ["pushState", "replaceState"].forEach(function (name) {
      var original = window.history[name];
      window.history[name] = function () {
        var result = original.apply(this, arguments);
        moved();
        return result;
      };
    });
    window.addEventListener("popstate", moved);
    window.addEventListener("hashchange", moved);
    document.addEventListener("click", function (click) {
      var at = click.target.closest && click.target.closest("[data-millrace]");
      if (!at) return;
      var properties = {};
      Object.keys(at.dataset).forEach(function (key) {
        // data-millrace-plan="gold" is the property plan.
        if (key != "millrace" && !key.indexOf("millrace")) properties[key.charAt(8).toLowerCase() + key.slice(9)] = at.dataset[key];
      });
      add(at.dataset.millrace || "click", properties);
    }, true);
    page();
  }
  early.forEach(api.q.push);
  window.addEventListener("online", flush);
  window.addEventListener("pagehide", farewell);
  // A phone may end a page that nobody sees without a word; if it does not, the answer is heard.
  document.addEventListener("visibilitychange", function () { if (document.visibilityState == "hidden") flush(); });
  if (queue.length) later(queue.length > 1 ? 0 : EVERY);
})(window, document);
