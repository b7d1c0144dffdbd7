"""Opens every page of the dashboards, changes range and group-by, and holds what is shown against what the API says.

    dashboards.py URL DIRECTORY      screenshots go to DIRECTORY
"""

import json
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
        """const card = [...document.querySelectorAll('section.card')].find(one => one.querySelector('h2').firstChild.textContent == arguments[0]);
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


with chromium() as driver:
    show(driver, "overview?days=7")
    expect_painted(driver, 4)
    driver.save_screenshot(f"{directory}/overview.png")
    start, end = (driver.find_element("css selector", f"#controls [name={name}]").get_attribute("value") for name in ["from", "to"])

    def per_day(**more):
        return ask("/query", view="traffic", metric="events", granularity="day", start_time=start, end_time=end, **more)["data"]

    assert numbers(driver, "Events per day") == [row["value"] for row in per_day()], "the chart is not what the API says"
    countries = {}
    for row in per_day(group_by="geo.country"):
        countries[row["dimensions"]["geo.country"]] = countries.get(row["dimensions"]["geo.country"], 0) + row["value"]
    assert numbers(driver, "Countries") == sorted(countries.values(), reverse=True)[:12]

    choose(driver, "days", "3", "overview")
    start, end = (driver.find_element("css selector", f"#controls [name={name}]").get_attribute("value") for name in ["from", "to"])
    choose(driver, "grain", "day", "overview")
    assert numbers(driver, "Events per day") == [row["value"] for row in per_day()], "another range shows the same numbers"
    choose(driver, "by", "device.type", "overview")
    rows = tables(driver, "Events per day")
    shown = sorted(int(cell.replace(",", "")) for row in rows for cell in row[1:])
    assert shown == sorted(row["value"] for row in per_day(group_by="device.type")), "by device it is something else"
    choose(driver, "where", "geo.country = 'DE'", "overview")
    assert sum(numbers(driver, "Countries")) == sum(row["value"] for row in per_day(where="geo.country = 'DE'"))
    expect_painted(driver, 4)

    show(driver, "funnel")
    steps = ask("/funnels/checkout/results")["steps"]
    text = driver.find_element("id", "main").text
    for step in steps:
        assert f"{step['users_completed']:,}" in text, f"{step} is not in: {text}"
    driver.save_screenshot(f"{directory}/funnel.png")

    show(driver, "realtime")
    expect_painted(driver, 1)
    driver.save_screenshot(f"{directory}/realtime.png")

    show(driver, "explore?view=visits&metric=sessions&by=device.type&days=7")
    expect_painted(driver, 2)
    driver.save_screenshot(f"{directory}/explore.png")

    show(driver, "operations")
    ledger = dict((row[0], row[1]) for row in tables(driver, "Ledger: what became of every record"))
    read = sum(one["read"] for one in ask("/topologies")["topologies"][0]["partitions"])
    assert int(ledger["read"].replace(",", "")) == read, f"{ledger} and {read}"
    driver.save_screenshot(f"{directory}/operations.png")

    show(driver, "replay")
    assert tables(driver, "Generations")[0][0] == "1"
    driver.save_screenshot(f"{directory}/replay.png")

    # By keyboard, on a phone, and in the dark.
    driver.execute_script("document.getElementById('theme').click()")
    driver.set_window_size(420, 900)
    show(driver, "overview?days=7")
    expect_painted(driver, 4)
    assert driver.execute_script("return document.documentElement.scrollWidth <= window.innerWidth"), "a phone has to scroll sideways"
    driver.save_screenshot(f"{directory}/phone.png")
    expect_no_errors(driver)

    # What is wrong is said in words, and the page lives on.
    driver.get("about:blank")
    driver.get(f"{url}/#overview?where=" + urllib.parse.quote("geo.country"))
    eventually("what is wrong is said", lambda: "expected a comparison" in driver.find_element("id", "main").text)
    driver.get("about:blank")
    driver.get(f"{url}/#overview?from=1999-01-01&to=1999-01-03")
    eventually("an empty range is said to be", lambda: "Nothing happened from 1999-01-01" in driver.find_element("id", "main").text)

print(json.dumps({"pages": 6}))
