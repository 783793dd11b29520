"""The price table is loaded beside what goes on."""

import subprocess
import sys

_CODE = """
import sys, threading
from sentryvibe_tui.sources.price_table import load_beside
assert "genai_prices" not in sys.modules
load_beside()
load_beside()
(loading,) = [thread for thread in threading.enumerate() if thread.name == "prices"]
assert loading.daemon
loading.join()
assert "genai_prices" in sys.modules
from sentryvibe_tui.agents.common.prices import _price
assert _price.cache_info().currsize == 1
"""


def test_it_is_loaded_once_in_a_thread_that_keeps_no_process() -> None:
    subprocess.run([sys.executable, "-c", _CODE], check=True, timeout=120)
