"""The one error that is meant for the person at the screen."""


class LabError(ValueError):
    """Something the user can put right. Its text is one sentence: what was given, what is wrong, what would work.

    Pages show the sentence, the command line prints it and exits with code 2. Any other exception is a defect.
    """
