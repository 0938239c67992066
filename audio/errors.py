"""The two ways in which input can be wrong."""


class UserError(Exception):
  """Something the user can mend; the message is one line: what, where, what to do."""


class UnusableAudio(Exception):
  """One file or record that cannot be used; the message is the reason, for `skipped.csv`."""
