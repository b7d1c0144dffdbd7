"""Sends events with somebody else's SDK through a proxy that notes which batches were answered 200.

  send.py MODULE SERVER WRITE_KEY EVENTS NOTES

MODULE is segment.analytics, rudderstack.analytics or posthog. The proxy loses some answers on the way back, so that the SDK sends
what is in the log already once more. The number of each event whose batch was answered 200 is written to NOTES, one per line.
"""

import http.client
import http.server
import importlib
import json
import sys
import threading
import time
import urllib.parse
import zlib

module, server, write_key, count, notes = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5]
target = urllib.parse.urlparse(server)
lock = threading.Lock()
answered = 0
problems = []
ANSWER = b'{"status":1}' if module == "posthog" else b'{"success":true}'


def number_of(event):
    """Each event carries its number where its SDK lets it."""
    return str(next(place["number"] for place in (event.get("properties"), event.get("context")) if place and "number" in place))


class Proxy(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        global answered
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            upstream = http.client.HTTPConnection(target.hostname, target.port, timeout=60)
            upstream.request("POST", self.path, body, {k: v for k, v in self.headers.items() if k.lower() != "host"})
            answer = upstream.getresponse()
            text = answer.read()
            status, kind = answer.status, answer.getheader("Content-Type", "")
        except (OSError, http.client.HTTPException):
            status, text, kind = 503, b"{}", "application/json"
        loses = False
        if status == 200:
            plain = zlib.decompress(body, 31) if self.headers.get("Content-Encoding") == "gzip" else body
            with lock:
                answered += 1
                loses = answered % 5 == 0
                if text != ANSWER:
                    problems.append(f"200 with {text!r}")
                with open(notes, "a") as file:
                    file.writelines(number_of(event) + "\n" for event in json.loads(plain)["batch"])
        elif status not in (429, 503):
            problems.append(f"{self.path}: status {status}: {text!r}")
        if loses:
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self):
        problems.append(f"GET {self.path}")
        self.send_error(404)

    def log_message(self, *_):
        pass


def with_segment(client, number):
    """RudderStack's is made after Segment's."""
    user, context = f"user-{number % 97}", {"number": number}
    kind = number % 5
    if kind == 0:
        client.identify(user, {"plan": None, "name": "Zoë"}, context=context)
    elif kind == 1:
        client.page(user, "shop", f"page {number % 7}", {"path": f"/{number % 7}"}, context=context)
    elif kind == 2:
        properties = {"amount": 1.5, "nothing": None}
        client.track(None, "Product Viewed", properties, anonymous_id=f"anonymous-{number % 89}", context=context)
    elif kind == 3:
        client.alias(f"anonymous-{number % 89}", user, context=context)
    else:
        client.track(user, "Order Completed", {"amount": number}, context={"os": {"name": "Linux"}} | context)


def with_posthog(client, number):
    user, properties = f"user-{number % 97}", {"number": number, "name": "Zoë", "nothing": None}
    kind = number % 3
    if kind == 0:
        client.capture("$pageview", distinct_id=user, properties=properties | {"$current_url": f"https://shop/{number % 7}"})
    elif kind == 1:
        client.capture("Order Completed", distinct_id=user, properties=properties | {"amount": number})
    else:
        client.capture("Product Viewed", distinct_id=f"anonymous-{number % 89}", properties=properties)


proxy = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
threading.Thread(target=proxy.serve_forever, daemon=True).start()
host = f"http://127.0.0.1:{proxy.server_port}"
if module == "posthog":
    client = importlib.import_module("posthog").Posthog(
        write_key, host=host, gzip=True, flush_at=50, flush_interval=0.1, max_queue_size=count + 1, max_retries=30)
else:
    client = importlib.import_module(module + ".client").Client(
        write_key, host=host, gzip=True, upload_size=50, upload_interval=0.1, max_queue_size=count + 1)
track = with_posthog if module == "posthog" else with_segment
for number in range(count):
    track(client, number)
    if number % 50 == 49:
        time.sleep(0.05)
client.shutdown()
if problems:
    sys.exit("; ".join(problems[:5]))
