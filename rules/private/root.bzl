"""Roots in which libraries are looked up: files, or one archive."""

load(":paths.bzl", "is_archive", "root_place")
load(":providers.bzl", "OcidietRootInfo", "root_info")

def _root_of_files(files, strip_prefix, links, local):
    if len(files) == 1 and (files[0].is_directory or is_archive(files[0].basename)):
        return root_info(archive = files[0])
    entries = []
    for file in files:
        if file.is_directory:
            fail("%s: a directory among the files of a root; name its files, or a tar of it" % file.short_path)
        place = root_place(file.short_path, file.owner.package, strip_prefix)
        if not place:
            fail("%s: is not below %s" % (file.short_path, strip_prefix or "the package that it belongs to"))
        entries.append(struct(place = place, file = file))
    return root_info(entries = entries, links = links, local = local)

def root_of(target):
    """The root that a target is.

    Args:
      target: an `ocidiet_root`, or any with files: one archive, or a root that is laid out below their package

    Returns:
      an `OcidietRootInfo`
    """
    if OcidietRootInfo in target:
        return target[OcidietRootInfo]
    return _root_of_files(target[DefaultInfo].files.to_list(), "", None, False)

def place_and_path(entry):
    """A file of a root, as the tool is told it; for `Args.add_all`.

    Args:
      entry: of `OcidietRootInfo.entries`

    Returns:
      a value of `--root-files`
    """
    return entry.place + "\t" + entry.file.path

def _impl(ctx):
    info = _root_of_files(ctx.files.srcs, ctx.attr.strip_prefix, ctx.file.links, ctx.attr.local)
    return [info, DefaultInfo(files = depset(ctx.files.srcs))]

ocidiet_root = rule(
    attrs = {
        "links": attr.label(
            allow_single_file = True,
            doc = "A file that tells of the root what Bazel does not, a line each: `PLACE<TAB>TARGET` for a link, " +
                  "`PLACE` for a file that is executable. `find . -type l -printf '/%P\\t%l\\n'` writes the links. " +
                  "Without it, each name of a file is a file, and what is executable is known by its bytes.",
        ),
        "local": attr.bool(
            doc = "The files are this machine's own: what uses them neither goes to other machines nor comes from them.",
        ),
        "srcs": attr.label_list(
            allow_files = True,
            doc = "The files; or one tar, OCI archive or OCI layout, which keeps its links and modes, is read in " +
                  "place, and is one input.",
            mandatory = True,
        ),
        "strip_prefix": attr.string(
            doc = "The directory that is the root: below the package that the files belong to, or with a leading " +
                  "`/` below its repository. Default: the package.",
        ),
    },
    doc = """\
A root file system in which libraries are looked up: a sysroot.

    ocidiet_root(name = "root", srcs = glob(["sysroot/**"]), strip_prefix = "sysroot")
""",
    implementation = _impl,
)
