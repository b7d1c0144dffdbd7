"""Opens a dashboard that comes along, over real events, changes its range, and holds it against the API.

    shipped.py URL DIRECTORY ID      a screenshot goes to DIRECTORY
"""

import json
import os
import sys

from browser import chromium, eventually, expect_no_errors
from pages import Pages

url, directory, dashboard = sys.argv[1:4]

with chromium() as driver:
    pages = Pages(driver, url)
    pages.expect_dashboard(dashboard, f"dashboards?id={dashboard}")
    charts = driver.execute_script("return document.querySelectorAll('canvas').length")
    pages.picture(os.path.join(directory, f"dashboard-{dashboard}.png"), charts)
    days = int(pages.ask(f"/dashboards/{dashboard}")["days"]) * 2
    pages.expect_dashboard(dashboard, f"dashboards?id={dashboard}&days={days}")
    pages.resize(375, 900)
    eventually(
        "a phone need not scroll sideways",
        lambda: driver.execute_script("return document.documentElement.scrollWidth <= window.innerWidth"))
    expect_no_errors(driver)

print(json.dumps({"dashboard": dashboard}))
