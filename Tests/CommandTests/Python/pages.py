"""What the tests of the pages share: one page after the other, and what stands in it."""

import json
import urllib.parse
import urllib.request

from browser import eventually


class Pages:
    def __init__(self, driver, url):
        self.driver, self.url = driver, url

    def ask(self, path, **parameters):
        with urllib.request.urlopen(f"{self.url}{path}?{urllib.parse.urlencode(parameters)}") as answer:
            return json.load(answer)

    def show(self, address):
        self.driver.get("about:blank")
        self.driver.get(f"{self.url}/#{address}")
        self.wait(address)

    def wait(self, what):
        page = what.split("?")[0]
        eventually(
            f"{what} is there",
            lambda: self.driver.execute_script(
                "const main = document.getElementById('main');"
                "return main.dataset.page == arguments[0] && !main.hasAttribute('aria-busy') && main.children.length > 0",
                page,
            ),
        )
        complaints = self.driver.execute_script("return [...document.querySelectorAll('.message.bad')].map(one => one.textContent)")
        assert not complaints, f"{what}: {complaints}"

    def expect_painted(self, charts):
        """A canvas that nobody painted has one colour."""
        painted = """
          const canvases = [...document.querySelectorAll('canvas')];
          return canvases.map(canvas => {
            const bytes = new Uint32Array(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.buffer);
            return new Set(bytes).size > 4;
          })"""
        eventually(f"{charts} charts are painted", lambda: self.driver.execute_script(painted).count(True) >= charts)

    def rows(self, heading):
        """Of the table in the card of that heading, as they read."""
        return self.driver.execute_script(
            """const card = [...document.querySelectorAll('section.card')].find(one => one.querySelector('h2')?.firstChild.textContent == arguments[0]);
            return card ? [...card.querySelectorAll('tbody tr')].map(row => [...row.children].map(cell => cell.textContent)) : null""",
            heading,
        )

    def numbers(self, heading, column=1):
        rows = self.rows(heading)
        assert rows is not None, f"there is no card '{heading}'"
        return [float(row[column].replace(",", "")) for row in rows if row[column] != "–"]

    def choose(self, name, value, page):
        self.driver.execute_script(
            """const field = document.querySelector(`#controls [name="${arguments[0]}"]`);
            document.getElementById('main').setAttribute('aria-busy', 'true');
            field.value = arguments[1]; field.dispatchEvent(new Event('change'))""",
            name, value,
        )
        eventually(f"{name}={value} is in the address", lambda: f"{name}=" in self.driver.current_url)
        self.wait(page)

    def field(self, name):
        return self.driver.find_element("css selector", f"#controls [name={name}]").get_attribute("value")

    def press(self, text):
        """A button or link of that text."""
        found = self.driver.execute_script(
            "return [...document.querySelectorAll('main button, main a')].find(one => one.textContent == arguments[0])", text)
        assert found, f"there is no button '{text}'"
        self.driver.execute_script("arguments[0].click()", found)

    def resize(self, width, height):
        """A window has a least width; what it shows does not."""
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})

    def picture(self, path, charts=0):
        """All of the page, however long."""
        width, height = self.driver.execute_script("return [window.innerWidth, document.documentElement.scrollHeight]")
        self.resize(width, max(700, min(height, 4000)))
        self.expect_painted(charts)
        self.driver.save_screenshot(path)
        self.resize(width, 900)

    def expect_dashboard(self, dashboard, address):
        """Every panel of a saved dashboard is drawn, and says what the API says."""
        self.show(address)
        document = self.ask(f"/dashboards/{dashboard}")
        panels = document["panels"]
        self.expect_painted(sum(panel["chart"] in ["line", "area", "bar", "stacked", "doughnut"] for panel in panels))
        text = self.driver.find_element("id", "main").text
        start, end, checked = self.field("from"), self.field("to"), 0
        titles = [panel["title"] for panel in panels]
        for panel in panels:
            if panel["chart"] == "funnel":
                parameters = {name: value for name, value in panel["funnel"].items() if name != "view"}
                steps = self.ask(f"/funnels/{panel['funnel']['view']}/results", start_time=start, end_time=end, **parameters)["steps"]
                assert all(f"{step['users_completed']:,}" in text for step in steps), f"{panel}: {steps} is not in {text}"
                checked += 1
                continue
            if panel["chart"] not in ["area", "bar", "stacked", "ranking"] or titles.count(panel["title"]) > 1:
                continue
            rows = self.ask("/query", start_time=start, end_time=end, timezone="UTC", limit=100000, **panel["query"])["data"]
            values = [row["value"] for row in rows]
            if panel["chart"] in ["area", "bar"]:
                assert [round(one) for one in self.numbers(panel["title"])] == [round(one) for one in values], panel
            elif panel["chart"] == "stacked":
                shown = [float(cell.replace(",", "")) for row in self.rows(panel["title"]) for cell in row[1:] if cell != "–"]
                assert len({json.dumps(row["dimensions"]) for row in rows}) > 8 or sum(shown) == sum(values), panel
            else:
                sums = {}
                for row in rows:
                    key = json.dumps(row["dimensions"])
                    sums[key] = sums.get(key, 0) + row["value"]
                assert [round(one) for one in self.numbers(panel["title"])] == [round(one) for one in sorted(sums.values(), reverse=True)[:12]], panel
            checked += 1
        assert checked >= 3, f"{dashboard}: only {checked} panels were compared"
