"""Label files of other programs: Raven's selection tables and Audacity's label tracks.

annotation.py  one label with its times, as any of the files has it
raven.py       reads and writes selection tables of Raven Pro and Raven Lite
audacity.py    reads and writes label tracks of Audacity
finding.py     which of the two a file is, and which recording it is about
"""
