"""`ocidiet_tar`: programs and what they need, as a root file system in one tar or in layers."""

load(":pack.bzl", "PACK_ATTRS", "as_dict", "pack", "to_platform")
load(":toolchain.bzl", "TOOLCHAINS")
load(":verify.bzl", "verified")

_KINDS = ["libc", "system", "own", "app"]

def _impl(ctx):
    name = ctx.label.name
    words = []
    if ctx.attr.layout and ctx.attr.base:
        fail("layout: a base has one of its own")
    if not ctx.attr.base:
        words.append(("--layout", ctx.attr.layout or "scratch"))
    tars = []
    for kind in ctx.attr.layers:
        if kind not in _KINDS or ctx.attr.layers != [one for one in _KINDS if one in ctx.attr.layers]:
            fail("layers: %s: name some of %s, in this order" % (ctx.attr.layers, _KINDS))
        tars.append(ctx.actions.declare_file("%s.%s.tar" % (name, kind)))
        words.append(("--layer", (kind + "=%s", tars[-1])))
    if not tars:
        tars.append(ctx.actions.declare_file(name + ".tar"))
        words.append(("-t", tars[0]))
    beside = {kind: ctx.actions.declare_file(name + ending) for kind, ending in {
        "report": ".report.json",
        "mtree": ".mtree",
        "closure": ".closure",
    }.items()}
    words += [("--" + kind, file) for kind, file in beside.items()]
    requirements = pack(ctx, words, tars + beside.values(), "OcidietTar")

    # What lies over a base is nothing complete by itself, nor is `merged`, which counts on the base's links; that it is
    # with these was proved before it was written.
    proof = beside["report"]
    if not ctx.attr.base and ctx.attr.layout != "merged":
        proof = verified(ctx, tars, requirements)
    return [
        DefaultInfo(files = depset(tars)),
        OutputGroupInfo(_validation = depset([proof]), **{kind: depset([file]) for kind, file in beside.items()}),
    ]

_ocidiet_tar = rule(
    attrs = dict(
        PACK_ATTRS,
        layers = attr.string_list(
            doc = "Several tars, the lowest first, instead of one: of `libc`, `system` (libraries of the root), `own` " +
                  "(the build's) and `app`. What is of another kind goes into the next one.  # do not sort",
        ),
        layout = attr.string(
            doc = "How links between directories are spelled: `scratch` (default) for an image that starts empty, " +
                  "`merged` for a layer over a base whose /lib is a link to usr/lib, `split` over one whose /lib is a " +
                  "directory, `portable` for `ADD` in a Dockerfile and `docker import`, and for no layer.",
            values = ["", "merged", "portable", "scratch", "split"],
        ),
    ),
    cfg = to_platform,
    implementation = _impl,
    toolchains = TOOLCHAINS,
)

def ocidiet_tar(name, binaries, extras = {}, **kwargs):
    """Programs with all that they need to run, as NAME.tar: a root file system, for `oci_image(tars = ...)` and its like.

    Libraries come from the targets' own runfiles and from the root, and from nowhere else: what is found in neither
    is an error. Output groups are `report` (JSON), `mtree` (the listing) and `closure` (the files that are needed).

    Args:
      name: of the target
      binaries: programs and shared libraries: a list, or a dict to places in the image
      extras: more files, a dict to places in the image
      **kwargs: `root`, `base`, `layout`, `layers`, `package_dir`, `platform`, `extra_flags`, as rules/README.md tells, and
        what all rules take
    """
    _ocidiet_tar(name = name, binaries = as_dict(binaries), extras = extras, **kwargs)
