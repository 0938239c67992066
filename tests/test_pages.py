"""The tables of README and docs are those of the result files and of the code."""

import importlib.util
import re

import pytest

from tests.support import ROOT

spec = importlib.util.spec_from_file_location("pages", ROOT / "docs" / "pages.py")
pages = importlib.util.module_from_spec(spec)
spec.loader.exec_module(pages)


@pytest.mark.parametrize("page", pages.PAGES, ids=lambda page: page.name)
def test_tables_are_up_to_date(page):
  """If not: python docs/pages.py."""
  text = page.read_text(encoding="utf-8")
  assert pages.fill(text) == text


@pytest.mark.parametrize("page", pages.PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_and_headings_that_exist(page):
  for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
    if target.startswith("http"):
      continue
    file, _, heading = target.partition("#")
    other = (page.parent / file) if file else page
    assert other.exists(), target
    headings = re.findall(r"^#+ (.*)$", other.read_text(encoding="utf-8"), re.M) if heading else ()
    anchors = [re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings]
    assert not heading or heading in anchors, target


def test_every_field_is_described():
  for system in pages.SYSTEMS:
    for line in pages.fields(system).splitlines()[2:]:
      assert len(line.split("|")) == 6, line


def test_a_table_of_results_has_means_and_spreads(tmp_path, monkeypatch):
  (tmp_path / "results").mkdir()
  (tmp_path / "results" / "two.csv").write_text(
    "variant,task,mean,std,published,seed_0,seed_1\n"
    "ours,digit,90.00,1.41,,89.00,91.00\nours,average,90.00,1.41,,89.00,91.00\n"
  )
  monkeypatch.setattr(pages, "DOCS", tmp_path)
  filled = pages.fill("<!-- results: two.csv -->\nold\n<!-- end -->\n")
  assert "|  | digit | average |\n" in filled
  assert "| ours | 90.0 ± 1.4 | 90.0 ± 1.4 |\n" in filled
  assert "old" not in filled
