"""The one error whose text is shown to the user."""


class LabError(ValueError):
    """An error that the user can fix. Its text is one sentence: what was given, what is wrong, what would work.

    Pages show the sentence; the command line prints it and exits with status 2. Any other exception is a defect.
    """
