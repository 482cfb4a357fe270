"""A root file system from elsewhere, as one archive."""

ARCHIVE_ATTRS = {
    "sha256": attr.string(doc = "Of the archive.", mandatory = True),
    "urls": attr.string_list(doc = "Where the archive is: a tar of a root file system, or an OCI archive.", mandatory = True),
}

_BUILD = """\
load("{defs}", "ocidiet_root")

ocidiet_root(
    name = "root",
    srcs = ["root.tar"],
    visibility = ["//visibility:public"],
)
"""

def _impl(rctx):
    # What the file is, it tells itself: compressed or not.
    rctx.download(rctx.attr.urls, "root.tar", rctx.attr.sha256)
    rctx.file("BUILD.bazel", _BUILD.format(defs = str(Label("//rules:defs.bzl"))), executable = False)

sysroot_archive = repository_rule(
    attrs = ARCHIVE_ATTRS,
    doc = "A root file system as the root `@NAME//:root`: downloaded, never unpacked.",
    implementation = _impl,
)
