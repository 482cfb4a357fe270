"""The module extension `sysroot`: roots that a MODULE.bazel names. A WORKSPACE loads `ocidiet_host_root` of defs.bzl.

    sysroot = use_extension("@ocidiet//rules:extensions.bzl", "sysroot")
    sysroot.archive(name = "bookworm_amd64", urls = [...], sha256 = "...")
    use_repo(sysroot, "bookworm_amd64")

Each is used as `@NAME//:root`.
"""

load("//rules/private:host.bzl", "HOST_ATTRS", "ocidiet_host_root")
load("//rules/private:sysroot_archive.bzl", "ARCHIVE_ATTRS", "sysroot_archive")

def _sysroot_impl(module_ctx):
    for module in module_ctx.modules:
        for tag in module.tags.archive:
            sysroot_archive(name = tag.name, **{key: getattr(tag, key) for key in ARCHIVE_ATTRS})
        for tag in module.tags.host:
            ocidiet_host_root(name = tag.name, **{key: getattr(tag, key) for key in HOST_ATTRS})

_NAME = {"name": attr.string(doc = "The repository's name.", mandatory = True)}

sysroot = module_extension(
    doc = "Roots: archives from elsewhere, and this machine's own libraries.",
    implementation = _sysroot_impl,
    tag_classes = {
        "archive": tag_class(
            attrs = dict(ARCHIVE_ATTRS, **_NAME),
            doc = "A root file system as one tar or OCI archive: downloaded, never unpacked.",
        ),
        "host": tag_class(
            attrs = dict(HOST_ATTRS, **_NAME),
            doc = "This machine's libraries, as declared and tracked inputs that are of no use to another machine.",
        ),
    },
)
