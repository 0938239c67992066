"""The ways in which input and disk can be wrong."""

_DISK_REASONS = (
  "no space left on device",
  "disk quota exceeded",
  "read-only file system",
  "permission denied",
  "operation not permitted",
)


class UserError(Exception):
  """Something the user can mend; the message is one line: what, where, what to do."""


class UnusableAudio(Exception):
  """One file or record that cannot be used; the message is the reason, for `skipped.csv`."""


def disk_reason(error):
  """Returns why the disk refused, in small letters, or None if the error is of another kind.

  Args:
    error: an OSError, or an error of TensorFlow, which tells it in its text only.
  """
  text = str(error).lower()
  return next((reason for reason in _DISK_REASONS if reason in text), None)
