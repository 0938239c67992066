"""A headless Chromium, driven by Selenium."""

import contextlib
import importlib.util
import os
import shutil
import signal
from collections.abc import Iterator
from typing import Any

_PROGRAMS = ("chromium", "chromedriver")
WAIT_S = 60


def missing() -> str | None:
  """Returns what is not installed; None: a browser can be opened.

  Example:
    >>> missing() in (None, "chromium", "chromedriver", "selenium")
    True
  """
  programs = [name for name in _PROGRAMS if shutil.which(name) is None]
  if not programs and importlib.util.find_spec("selenium") is None:
    return "selenium"
  return programs[0] if programs else None


@contextlib.contextmanager
def browser(width: int = 1200, height: int = 900) -> Iterator[Any]:
  """Opens a browser, and ends it with the block.

  Args:
    width: of its window, in pixels.
    height: of its window.

  Yields:
    A selenium.webdriver.Chrome.
  """
  from selenium import webdriver

  options = webdriver.ChromeOptions()
  options.binary_location = shutil.which("chromium")
  for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                   "--hide-scrollbars", f"--window-size={width},{height}"):  # fmt: skip
    options.add_argument(argument)
  # A group of their own: the browser outlives a driver that is killed.
  group = {"start_new_session": True}
  service = webdriver.ChromeService(shutil.which("chromedriver"), popen_kw=group)
  driver = webdriver.Chrome(options, service)
  try:
    yield driver
  finally:
    with contextlib.suppress(Exception):  # it may have been killed
      driver.quit()
    kill(driver)
    service.stop()


def kill(driver: Any) -> None:
  """Kills a browser and its driver, as a crash does.

  Args:
    driver: of the browser.
  """
  with contextlib.suppress(ProcessLookupError):
    os.killpg(driver.service.process.pid, signal.SIGKILL)


class LabelPage:
  """The page of downstream.label, as a person uses it.

  Args:
    driver: of the browser.
    url: that the command has printed.
  """

  def __init__(self, driver: Any, url: str):
    self.driver = driver
    driver.get(url)
    self.wait()

  def wait(self, condition: str = "true") -> None:
    """Waits until all acts are done, what was asked for is fitted, and a condition holds.

    Args:
      condition: a JavaScript expression.
    """
    from selenium.webdriver.support.wait import WebDriverWait

    script = (
      "const done = arguments[arguments.length - 1];"
      f"work.then(() => done(!!state && !state.fitting && ({condition})));"
    )
    WebDriverWait(self.driver, WAIT_S, poll_frequency=0.05).until(
      lambda driver: driver.execute_async_script(script)
    )

  def press(self, keys: str) -> None:
    """Presses keys, and waits until the page has answered.

    Args:
      keys: as selenium takes them.
    """
    from selenium.webdriver import ActionChains

    ActionChains(self.driver).send_keys(keys).perform()
    self.wait()

  def get(self, expression: str) -> Any:
    """Returns the value of a JavaScript expression.

    Args:
      expression: of what the page knows: state, current, ...
    """
    return self.driver.execute_script(f"return {expression};")

  def key_of(self, name: str) -> str:
    """Returns the key of a class.

    Args:
      name: of the class.
    """
    return self.driver.execute_script("return keys().get(arguments[0]);", name)
