"""Opens every page of the dashboards, changes range and group-by, and holds what is shown against what the API says.

    dashboards.py URL DIRECTORY      screenshots go to DIRECTORY
"""

import datetime
import json
import os
import sys
import urllib.parse
import urllib.request

from browser import chromium, eventually, expect_no_errors
from pages import Pages

url, directory = sys.argv[1], sys.argv[2]


addresses = {
    "overview": "overview?days=7", "dashboards": "dashboards", "dashboard": "dashboards?id=overview&days=7", "editor": "dashboards?id=funnel&edit=copy",
    "funnel": "funnel", "realtime": "realtime", "explore": "explore?view=visits&metric=sessions&by=device.type&days=7&compare=previous_period",
    "operations": "operations", "replay": "replay",
}

charts = {"overview": 4, "dashboard": 5, "editor": 1, "realtime": 2, "explore": 2}


def overview(driver, pages):
    pages.show("overview?days=7")
    pages.expect_painted(4)
    start, end = pages.field("from"), pages.field("to")

    def per_day(**more):
        return pages.ask("/query", view="traffic", metric="events", granularity="day", start_time=start, end_time=end, **more)["data"]

    assert pages.numbers("Events per day") == [row["value"] for row in per_day()], "the chart is not what the API says"
    countries = {}
    for row in per_day(group_by="geo.country"):
        countries[row["dimensions"]["geo.country"]] = countries.get(row["dimensions"]["geo.country"], 0) + row["value"]
    assert pages.numbers("Countries") == sorted(countries.values(), reverse=True)[:12]

    pages.choose("days", "3", "overview")
    start, end = pages.field("from"), pages.field("to")
    pages.choose("grain", "day", "overview")
    assert pages.numbers("Events per day") == [row["value"] for row in per_day()], "another range shows the same numbers"
    pages.choose("by", "device.type", "overview")
    rows = pages.rows("Events per day")
    shown = sorted(int(cell.replace(",", "")) for row in rows for cell in row[1:])
    assert shown == sorted(row["value"] for row in per_day(group_by="device.type")), "by device it is something else"
    pages.choose("where", "geo.country = 'DE'", "overview")
    assert sum(pages.numbers("Countries")) == sum(row["value"] for row in per_day(where="geo.country = 'DE'"))
    pages.expect_painted(4)


def saved_dashboards(driver, pages):
    """Each that comes with the program and fits; then one is made, changed, and deleted."""
    pages.show("dashboards")
    listed = {one["id"]: one for one in pages.ask("/dashboards")["dashboards"]}
    assert {"overview", "funnel", "realtime"} <= listed.keys(), listed
    for dashboard in ["overview", "realtime", "funnel"]:
        pages.expect_dashboard(dashboard, f"dashboards?id={dashboard}&days=7")
    pages.choose("where", "geo.country = 'DE'", "dashboards")
    total = sum(row["value"] for row in pages.ask(
        "/query", view="traffic", metric="events", granularity="day", event_type="purchase", where="geo.country = 'DE'",
        start_time=pages.field("from"), end_time=pages.field("to"))["data"])
    assert sum(pages.numbers("Purchases per day")) == total, "a filter of the page is one of its panels"

    pages.show("dashboards?edit=new")
    title = driver.find_element("id", "dashboard-title")
    title.clear()
    title.send_keys("Made by hand")
    pages.press("Add a measure")
    eventually("a preview is painted", lambda: driver.execute_script("return document.querySelectorAll('.preview canvas').length") == 1)
    pages.press("Add a funnel")
    # By keyboard: the second panel becomes the first.
    up = driver.find_element("css selector", "[aria-label='Move up panel 2']")
    up.send_keys("\n")
    assert driver.execute_script("return document.activeElement.value") == "A funnel"
    pages.press("Save")
    eventually("it is open", lambda: "id=made-by-hand" in driver.current_url)
    pages.wait("dashboards")
    document = pages.ask("/dashboards/made-by-hand")
    assert document["version"] == 1 and [panel["title"] for panel in document["panels"]] == ["A funnel", "New panel"], document
    pages.expect_painted(1)

    # Somebody else changes it meanwhile.
    pages.press("Edit")
    eventually("the editor is there", lambda: driver.find_elements("id", "dashboard-title"))
    request = urllib.request.Request(
        f"{url}/dashboards/made-by-hand", method="PUT", data=json.dumps({**document, "title": "Theirs"}).encode())
    urllib.request.urlopen(request).close()
    driver.find_element("id", "dashboard-title").send_keys(", twice")
    pages.press("Save")
    eventually("the conflict is said", lambda: "changed by somebody else" in driver.find_element("id", "main").text)
    pages.press("Give up")
    eventually("theirs is shown", lambda: driver.execute_script("return document.querySelector('main h1')?.textContent") == "Theirs")
    driver.execute_script("window.confirm = () => true")
    pages.press("Delete")
    eventually("it is gone", lambda: "made-by-hand" not in [one["id"] for one in pages.ask("/dashboards")["dashboards"]])


def keys_alone(driver, pages):
    """From the top of the page by Tab: the skip link, then every page, and out of everything again."""
    from selenium.webdriver.common.keys import Keys

    pages.show("overview?days=7")
    driver.execute_script("document.activeElement.blur()")
    body = driver.find_element("tag name", "body")
    body.send_keys(Keys.TAB)
    assert "Skip" in driver.execute_script("return document.activeElement.textContent")
    driver.switch_to.active_element.send_keys("\n")
    assert driver.execute_script("return document.activeElement.id") == "main"
    seen = set()
    for _ in range(120):
        driver.switch_to.active_element.send_keys(Keys.TAB)
        outline, name = driver.execute_script(
            "const one = document.activeElement; return [getComputedStyle(one).outlineStyle, one.outerHTML.slice(0, 80)]")
        if "<body" in name:
            break
        assert outline != "none", f"focus cannot be seen on {name}"
        seen.add(name)
    else:
        raise AssertionError("Tab never gets out")
    assert any("use-key" in one for one in seen)
    nameless = driver.execute_script(
        """return [...document.querySelectorAll('input, select, button')].filter(one =>
          !(one.labels?.length || one.textContent.trim() || one.getAttribute('aria-label'))).map(one => one.outerHTML)""")
    assert not nameless, nameless


with chromium() as driver:
    pages = Pages(driver, url)
    overview(driver, pages)
    saved_dashboards(driver, pages)

    pages.show("funnel")
    steps = pages.ask("/funnels/checkout/results")["steps"]
    text = driver.find_element("id", "main").text
    for step in steps:
        assert f"{step['users_completed']:,}" in text, f"{step} is not in: {text}"

    pages.show("explore?view=visits&metric=sessions&by=device.type&days=7")
    pages.expect_painted(2)

    pages.show("operations")
    ledger = dict((row[0], row[1]) for row in pages.rows("Ledger: what became of every record"))
    read = sum(one["read"] for one in pages.ask("/topologies")["topologies"][0]["partitions"])
    assert int(ledger["read"].replace(",", "")) == read, f"{ledger} and {read}"

    pages.show("replay")
    assert pages.rows("Generations")[0][0] == "1"
    keys_alone(driver, pages)

    # Every page by day, by night and on a phone.
    for width, theme in [(1280, "light"), (1280, "dark"), (375, "light")]:
        driver.execute_script("localStorage.setItem('millrace.theme', arguments[0])", theme)
        pages.resize(width, 900)
        for name, address in addresses.items():
            pages.show(address)
            overflow = driver.execute_script("return document.documentElement.scrollWidth - window.innerWidth")
            assert overflow <= 0, f"{name} has to be scrolled sideways by {overflow} at {width}"
            pages.expect_painted(charts.get(name, 0))
            pages.picture(os.path.join(directory, f"{name}-{'phone' if width == 375 else theme}.png"), charts.get(name, 0))
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    # A conflict is wanted; and a page may ask for what a server does not know yet, and go on without.
    expect_no_errors(driver, ["/dashboards/made-by-hand"])

    # What is wrong is said in words, and the page lives on.
    driver.get("about:blank")
    driver.get(f"{url}/#overview?where=" + urllib.parse.quote("geo.country"))
    eventually("what is wrong is said", lambda: "expected a comparison" in driver.find_element("id", "main").text)
    driver.get("about:blank")
    driver.get(f"{url}/#overview?from=1999-01-01&to=1999-01-03")
    eventually("an empty range is said to be", lambda: "Nothing happened from 1999-01-01" in driver.find_element("id", "main").text)

    # What arrives is seen without asking again. Last, since history expires by what arrives.
    pages.show("realtime")
    pages.expect_painted(1)
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    events = [{"event_id": f"live-{n}", "event_type": "page_view", "user_id": "live", "timestamp": now} for n in range(200)]
    request = urllib.request.Request(
        f"{url}/events/batch", method="POST", data=json.dumps({"events": events}).encode(), headers={"Content-Type": "application/json"})
    urllib.request.urlopen(request).close()
    tile = "return document.querySelectorAll('.tile .number')[1].textContent"
    eventually("the events are shown", lambda: driver.execute_script(tile) == "200")

print(json.dumps({"pages": len(addresses)}))
