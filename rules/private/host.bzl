"""This machine's own libraries, as declared and tracked inputs."""

HOST_ATTRS = {
    "directories": attr.string_list(
        doc = "More directories of libraries, beside the loader's and those of ld.so.conf.",
    ),
    "files": attr.string_list(
        doc = "More files: `/bin/sh` for an image that has scripts, or a plugin.",
    ),
    "path": attr.string(
        default = "/",
        doc = "A root other than this machine's `/`.",
    ),
}

_BUILD = """\
load("{defs}", "ocidiet_root")

package(default_visibility = ["//visibility:public"])

ocidiet_root(
    name = "root",
    srcs = glob(
        {patterns},
        allow_empty = True,
    ),
    links = "links",
    local = True,
    strip_prefix = "root",
)
"""

def _impl(rctx):
    python = rctx.which("python3")
    if not python:
        fail("ocidiet_host_root: needs python3 on PATH")
    script = rctx.path(Label("//rules/private:host_root.py"))
    words = [python, "-IS", script, rctx.attr.path.rstrip("/")]
    told = rctx.execute(words + ["-d"] + rctx.attr.directories + ["-f"] + rctx.attr.files)
    if told.return_code:
        fail("ocidiet_host_root: " + told.stderr)
    patterns = []
    links = []
    linked = []
    for line in told.stdout.splitlines():
        kind, _, place = line.partition("\t")
        if kind == "link":
            links.append(place)
            continue
        if not any([place.startswith(above + "/") for above in linked]):
            rctx.symlink(rctx.attr.path.rstrip("/") + place, "root" + place)
            linked.append(place)
        if kind == "file":
            patterns.append("root" + place)
        else:
            patterns.append("root" + place + "/*.so*")
            patterns.append("root" + place + "/glibc-hwcaps/*/*.so*")
            if hasattr(rctx, "watch"):  # from 7.1 on
                rctx.path(rctx.attr.path.rstrip("/") + place).readdir(watch = "yes")
    rctx.file("links", "".join([line + "\n" for line in links]), executable = False)
    defs = str(Label("//rules:defs.bzl"))
    defs = "@ocidiet" + defs if defs.startswith("//") else defs
    rctx.file("BUILD.bazel", _BUILD.format(defs = defs, patterns = repr(patterns)), executable = False)

ocidiet_host_root = repository_rule(
    attrs = HOST_ATTRS,
    doc = """\
This machine's libraries as the root `@NAME//:root`: those in the directories of the loader and of ld.so.conf.

Bazel looks at them on each build, so that an upgrade of one that an image holds makes the image anew. What is made
of them neither goes to a remote cache or executor nor comes from one: another machine has other libraries.
""",
    implementation = _impl,
    local = True,
)
