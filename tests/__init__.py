"""Tests. Imports make no garbage: none is looked for until conftest has made them."""

import gc

gc.disable()
