"""What the rules tell each other."""

OcidietRootInfo = provider(
    doc = "A root file system in which libraries are looked up.",
    fields = {
        "archive": "File: the whole root as one tar, OCI archive or OCI layout; None where it is `entries`.",
        "entries": "depset of struct(place, file): the files, each with its absolute place in the root.",
        "files": "depset of File: those of the entries.",
        "links": "File that tells of the root what no file can say, a line each: `PLACE<TAB>TARGET` for a link, " +
                 "`PLACE` for an executable file; or None.",
        "local": "bool: whether it is this machine's own, so that no other may run what uses it.",
        "missing": "str: why there is no root, and what to do about it; \"\" where there is one.",
    },
)

def root_info(archive = None, entries = [], links = None, local = False, missing = ""):
    """An `OcidietRootInfo` of which only what is special is said.

    Args:
      archive: as the field
      entries: as the field, a list
      links: as the field
      local: as the field
      missing: as the field

    Returns:
      an `OcidietRootInfo`
    """
    return OcidietRootInfo(
        archive = archive,
        entries = depset(entries),
        files = depset([entry.file for entry in entries]),
        links = links,
        local = local,
        missing = missing,
    )
