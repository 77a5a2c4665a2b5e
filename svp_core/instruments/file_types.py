"""Endings of the files that a source can contain, for the filters of file dialogs."""

from svp_core.images import IMAGE_SUFFIXES

ARCHIVE_SUFFIXES = (
    *(".zip", ".tar", ".tar.gz", ".tgz"),
    *(".tar.bz2", ".tbz2", ".tbz", ".tar.xz", ".txz"),
)
# Lists, tables, settings and image data that the readers of FlowCam, MFI and IFCB runs read.
INSTRUMENT_SUFFIXES = (".lst", ".flb", ".ctx", ".edg", ".cla", ".csv", ".txt", ".tsv", ".adc", ".hdr", ".roi")
SOURCE_SUFFIXES = (*IMAGE_SUFFIXES, *ARCHIVE_SUFFIXES, *INSTRUMENT_SUFFIXES)
