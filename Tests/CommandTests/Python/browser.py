"""What the browser tests share: Debian's Chromium without a window, driven by selenium."""

import contextlib
import shutil
import time

from selenium import webdriver
from selenium.webdriver.chrome.service import Service


@contextlib.contextmanager
def chromium(width=1280, height=900):
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    # Containers have no namespaces to give and little shared memory.
    for argument in ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"]:
        options.add_argument(argument)
    options.add_argument(f"--window-size={width},{height}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    driver.set_page_load_timeout(60)
    try:
        yield driver
    finally:
        driver.quit()


def eventually(what, condition, seconds=120):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s: {what}")


def expect_no_errors(driver, ignored=()):
    errors = [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]
    errors = [entry for entry in errors if not any(word in entry["message"] for word in ignored)]
    assert not errors, f"the console has errors: {errors}"
