"""Visits a page that has the tracker, as people do: looks, clicks, reloads, leaves, comes back, loses the connection.

    tracker.py URL OFFLINE_SECONDS SCREENSHOT

Prints how many events of each type were made, as one JSON object, once the browser has nothing left to send.
"""

import collections
import json
import sys
import time

from browser import chromium, eventually, expect_no_errors

url, offline_seconds, screenshot = sys.argv[1], float(sys.argv[2]), sys.argv[3]
made = collections.Counter()

WAITING = """return Object.keys(localStorage).filter(name => name.startsWith('millrace.queue.'))
  .reduce((sum, name) => sum + JSON.parse(localStorage.getItem(name)).length, 0)"""


def waiting(driver):
    return driver.execute_script(WAITING)


def look(driver):
    """A page view is made when the tracker is there, which is later than the page."""
    driver.get(f"{url}/tracker")
    eventually("the tracker is loaded", lambda: driver.execute_script("return !!(window.millrace && millrace.track)"))
    made["page_view"] += 1


def press(driver, identifier, event):
    driver.find_element("css selector", identifier).click()
    made[event] += 1


def network(driver, offline):
    driver.execute_cdp_cmd("Network.enable", {})
    driver.execute_cdp_cmd(
        "Network.emulateNetworkConditions",
        {"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1},
    )


with chromium() as driver:
    look(driver)
    driver.save_screenshot(screenshot)
    anonymous = driver.execute_script("return JSON.parse(localStorage.getItem('millrace.anonymous'))")
    press(driver, "[data-millrace]", "try_button")
    press(driver, "#track", "purchase")
    press(driver, "#move", "page_view")
    driver.back()
    made["page_view"] += 1
    eventually("popstate was seen", lambda: waiting(driver) == sum(made.values()))

    # Nothing of it was sent yet: the next page has to do it, and the beacon of the one that ends sends it, too.
    look(driver)
    press(driver, "#identify", "identify")
    press(driver, "#track", "purchase")
    press(driver, "#flush", "flush")
    del made["flush"]
    eventually("everything is sent", lambda: waiting(driver) == 0)
    same = driver.execute_script("return JSON.parse(localStorage.getItem('millrace.anonymous'))")
    assert same == anonymous, f"{same} is another visitor than {anonymous}"

    driver.get(f"{url}/healthz")
    look(driver)
    press(driver, "#track", "purchase")

    # A tab of its own, closed with events that nobody has heard an answer to.
    first = driver.current_window_handle
    driver.switch_to.new_window("tab")
    look(driver)
    press(driver, "#track", "purchase")
    driver.close()
    driver.switch_to.window(first)

    network(driver, True)
    for _ in range(3):
        press(driver, "#track", "purchase")
    driver.execute_script("millrace.flush()")
    end = time.monotonic() + offline_seconds
    while time.monotonic() < end:
        press(driver, "[data-millrace]", "try_button")
        time.sleep(0.5)
    assert waiting(driver) >= 4, "what could not be sent was forgotten"
    network(driver, False)
    # Takes over what the closed tab left.
    look(driver)
    driver.execute_script("millrace.flush()")
    eventually("everything is sent after all", lambda: waiting(driver) == 0)
    expect_no_errors(driver, ignored=["ERR_INTERNET_DISCONNECTED", "favicon"])

with chromium() as driver:
    driver.execute_cdp_cmd(
        "Page.addScriptToEvaluateOnNewDocument",
        {"source": "Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', {get: () => true})"},
    )
    before = made.copy()
    look(driver)
    press(driver, "#track", "purchase")
    press(driver, "#identify", "identify")
    made = before
    stored = driver.execute_script("return Object.keys(localStorage)")
    assert stored == [], f"a visitor who does not want it is remembered: {stored}"

print(json.dumps({"made": made, "anonymous": anonymous}))
