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

url, directory = sys.argv[1], sys.argv[2]


def ask(path, **parameters):
    with urllib.request.urlopen(f"{url}{path}?{urllib.parse.urlencode(parameters)}") as answer:
        return json.load(answer)


def show(driver, address):
    driver.get("about:blank")
    driver.get(f"{url}/#{address}")
    wait(driver, address)


def wait(driver, what):
    page = what.split("?")[0]
    eventually(
        f"{what} is there",
        lambda: driver.execute_script(
            "const main = document.getElementById('main');"
            "return main.dataset.page == arguments[0] && !main.hasAttribute('aria-busy') && main.children.length > 0",
            page,
        ),
    )
    complaints = driver.execute_script("return [...document.querySelectorAll('.message.bad')].map(one => one.textContent)")
    assert not complaints, f"{what}: {complaints}"


def expect_painted(driver, charts):
    """A canvas that nobody painted has one colour."""
    painted = """
      const canvases = [...document.querySelectorAll('canvas')];
      return canvases.map(canvas => {
        const bytes = new Uint32Array(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.buffer);
        return new Set(bytes).size > 4;
      })"""
    eventually(f"{charts} charts are painted", lambda: driver.execute_script(painted).count(True) >= charts)


def tables(driver, heading):
    """The rows of the table in the card of that heading, as they read."""
    return driver.execute_script(
        """const card = [...document.querySelectorAll('section.card')].find(one => one.querySelector('h2')?.firstChild.textContent == arguments[0]);
        return card ? [...card.querySelectorAll('tbody tr')].map(row => [...row.children].map(cell => cell.textContent)) : null""",
        heading,
    )


def numbers(driver, heading, column=1):
    rows = tables(driver, heading)
    assert rows is not None, f"there is no card '{heading}'"
    return [int(row[column].replace(",", "")) for row in rows if row[column] != "–"]


def choose(driver, name, value, page):
    driver.execute_script(
        """const field = document.querySelector(`#controls [name="${arguments[0]}"]`);
        document.getElementById('main').setAttribute('aria-busy', 'true');
        field.value = arguments[1]; field.dispatchEvent(new Event('change'))""",
        name, value,
    )
    eventually(f"{name}={value} is in the address", lambda: f"{name}=" in driver.current_url)
    wait(driver, page)


def field(driver, name):
    return driver.find_element("css selector", f"#controls [name={name}]").get_attribute("value")


def press(driver, text):
    """A button or link of that text."""
    found = driver.execute_script(
        "return [...document.querySelectorAll('main button, main a')].find(one => one.textContent == arguments[0])", text)
    assert found, f"there is no button '{text}'"
    driver.execute_script("arguments[0].click()", found)


pages = {
    "overview": "overview?days=7", "dashboards": "dashboards", "dashboard": "dashboards?id=overview&days=7", "editor": "dashboards?id=funnel&edit=copy",
    "funnel": "funnel", "realtime": "realtime", "explore": "explore?view=visits&metric=sessions&by=device.type&days=7&compare=previous_period",
    "operations": "operations", "replay": "replay",
}

charts = {"overview": 4, "dashboard": 5, "editor": 1, "realtime": 2, "explore": 2}


def overview(driver):
    show(driver, "overview?days=7")
    expect_painted(driver, 4)
    start, end = field(driver, "from"), field(driver, "to")

    def per_day(**more):
        return ask("/query", view="traffic", metric="events", granularity="day", start_time=start, end_time=end, **more)["data"]

    assert numbers(driver, "Events per day") == [row["value"] for row in per_day()], "the chart is not what the API says"
    countries = {}
    for row in per_day(group_by="geo.country"):
        countries[row["dimensions"]["geo.country"]] = countries.get(row["dimensions"]["geo.country"], 0) + row["value"]
    assert numbers(driver, "Countries") == sorted(countries.values(), reverse=True)[:12]

    choose(driver, "days", "3", "overview")
    start, end = field(driver, "from"), field(driver, "to")
    choose(driver, "grain", "day", "overview")
    assert numbers(driver, "Events per day") == [row["value"] for row in per_day()], "another range shows the same numbers"
    choose(driver, "by", "device.type", "overview")
    rows = tables(driver, "Events per day")
    shown = sorted(int(cell.replace(",", "")) for row in rows for cell in row[1:])
    assert shown == sorted(row["value"] for row in per_day(group_by="device.type")), "by device it is something else"
    choose(driver, "where", "geo.country = 'DE'", "overview")
    assert sum(numbers(driver, "Countries")) == sum(row["value"] for row in per_day(where="geo.country = 'DE'"))
    expect_painted(driver, 4)


def saved_dashboards(driver):
    """Each that comes with the program and fits; then one is made, changed, and deleted."""
    show(driver, "dashboards")
    listed = {one["id"]: one for one in ask("/dashboards")["dashboards"]}
    assert {"overview", "funnel", "realtime"} <= listed.keys(), listed
    for dashboard in ["overview", "funnel", "realtime"]:
        show(driver, f"dashboards?id={dashboard}&days=7")
        document = ask(f"/dashboards/{dashboard}")
        expect_painted(driver, sum(panel["chart"] in ["line", "area", "bar", "stacked", "doughnut"] for panel in document["panels"]))
        start, end = field(driver, "from"), field(driver, "to")
        for panel in document["panels"]:
            if panel["chart"] not in ["area", "bar"]:
                continue
            rows = ask("/query", start_time=start, end_time=end, timezone="UTC", **panel["query"])["data"]
            cells = [float(row[1].replace(",", "")) for row in tables(driver, panel["title"]) or []]
            if panel["title"] in [one["title"] for one in document["panels"] if one is not panel]:
                continue
            assert [round(one) for one in cells] == [round(row["value"]) for row in rows], f"{dashboard}, {panel['title']}: {cells}"
    steps = ask("/funnels/checkout/results", start_time=start, end_time=end)["steps"]
    show(driver, "dashboards?id=funnel&days=7")
    text = driver.find_element("id", "main").text
    assert all(f"{step['users_completed']:,}" in text for step in steps), text
    choose(driver, "where", "geo.country = 'DE'", "dashboards")
    total = sum(row["value"] for row in ask(
        "/query", view="traffic", metric="events", granularity="day", event_type="purchase", where="geo.country = 'DE'",
        start_time=field(driver, "from"), end_time=field(driver, "to"))["data"])
    assert sum(numbers(driver, "Purchases per day")) == total, "a filter of the page is one of its panels"

    show(driver, "dashboards?edit=new")
    title = driver.find_element("id", "dashboard-title")
    title.clear()
    title.send_keys("Made by hand")
    press(driver, "Add a measure")
    eventually("a preview is painted", lambda: driver.execute_script("return document.querySelectorAll('.preview canvas').length") == 1)
    press(driver, "Add a funnel")
    # By keyboard: the second panel becomes the first.
    up = driver.find_element("css selector", "[aria-label='Move up panel 2']")
    up.send_keys("\n")
    assert driver.execute_script("return document.activeElement.value") == "A funnel"
    press(driver, "Save")
    eventually("it is open", lambda: "id=made-by-hand" in driver.current_url)
    wait(driver, "dashboards")
    document = ask("/dashboards/made-by-hand")
    assert document["version"] == 1 and [panel["title"] for panel in document["panels"]] == ["A funnel", "New panel"], document
    expect_painted(driver, 1)

    # Somebody else changes it meanwhile.
    press(driver, "Edit")
    eventually("the editor is there", lambda: driver.find_elements("id", "dashboard-title"))
    request = urllib.request.Request(
        f"{url}/dashboards/made-by-hand", method="PUT", data=json.dumps({**document, "title": "Theirs"}).encode())
    urllib.request.urlopen(request).close()
    driver.find_element("id", "dashboard-title").send_keys(", twice")
    press(driver, "Save")
    eventually("the conflict is said", lambda: "changed by somebody else" in driver.find_element("id", "main").text)
    press(driver, "Give up")
    eventually("theirs is shown", lambda: driver.execute_script("return document.querySelector('main h1')?.textContent") == "Theirs")
    driver.execute_script("window.confirm = () => true")
    press(driver, "Delete")
    eventually("it is gone", lambda: "made-by-hand" not in [one["id"] for one in ask("/dashboards")["dashboards"]])


def keys_alone(driver):
    """From the top of the page by Tab: the skip link, then every page, and out of everything again."""
    from selenium.webdriver.common.keys import Keys

    show(driver, "overview?days=7")
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
    overview(driver)
    saved_dashboards(driver)

    show(driver, "funnel")
    steps = ask("/funnels/checkout/results")["steps"]
    text = driver.find_element("id", "main").text
    for step in steps:
        assert f"{step['users_completed']:,}" in text, f"{step} is not in: {text}"

    show(driver, "explore?view=visits&metric=sessions&by=device.type&days=7")
    expect_painted(driver, 2)

    show(driver, "operations")
    ledger = dict((row[0], row[1]) for row in tables(driver, "Ledger: what became of every record"))
    read = sum(one["read"] for one in ask("/topologies")["topologies"][0]["partitions"])
    assert int(ledger["read"].replace(",", "")) == read, f"{ledger} and {read}"

    show(driver, "replay")
    assert tables(driver, "Generations")[0][0] == "1"
    keys_alone(driver)

    # Every page by day, by night and on a phone.
    for width, theme in [(1280, "light"), (1280, "dark"), (375, "light")]:
        driver.execute_script("localStorage.setItem('millrace.theme', arguments[0])", theme)
        # A window has a least width; what it shows does not.
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False})
        for name, address in pages.items():
            show(driver, address)
            overflow = driver.execute_script("return document.documentElement.scrollWidth - window.innerWidth")
            assert overflow <= 0, f"{name} has to be scrolled sideways by {overflow} at {width}"
            expect_painted(driver, charts.get(name, 0))
            height = driver.execute_script("return Math.min(document.documentElement.scrollHeight, 4000)")
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": max(height, 700), "deviceScaleFactor": 1, "mobile": False})
            expect_painted(driver, charts.get(name, 0))
            driver.save_screenshot(os.path.join(directory, f"{name}-{'phone' if width == 375 else theme}.png"))
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False})
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    # A conflict is wanted; and a page may ask for what a server does not know yet, and go on without.
    expect_no_errors(driver, ["/dashboards/made-by-hand", f"{url}/funnels - ", "compare_to="])

    # What is wrong is said in words, and the page lives on.
    driver.get("about:blank")
    driver.get(f"{url}/#overview?where=" + urllib.parse.quote("geo.country"))
    eventually("what is wrong is said", lambda: "expected a comparison" in driver.find_element("id", "main").text)
    driver.get("about:blank")
    driver.get(f"{url}/#overview?from=1999-01-01&to=1999-01-03")
    eventually("an empty range is said to be", lambda: "Nothing happened from 1999-01-01" in driver.find_element("id", "main").text)

    # What arrives is seen without asking again. Last, since history expires by what arrives.
    show(driver, "realtime")
    expect_painted(driver, 1)
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    events = [{"event_id": f"live-{n}", "event_type": "page_view", "user_id": "live", "timestamp": now} for n in range(200)]
    request = urllib.request.Request(
        f"{url}/events/batch", method="POST", data=json.dumps({"events": events}).encode(), headers={"Content-Type": "application/json"})
    urllib.request.urlopen(request).close()
    tile = "return document.querySelectorAll('.tile .number')[1].textContent"
    eventually("the events are shown", lambda: driver.execute_script(tile) == "200")

print(json.dumps({"pages": len(pages)}))
