"""The root where none is named: the sysroot of the C++ toolchain."""

load(":providers.bzl", "root_info")

_TYPE = "@bazel_tools//tools/cpp:toolchain_type"

_ADVICE = """\
Say in .bazelrc which one all images are made from:
    build --@ocidiet//rules:root=@NAME//:root
and give NAME in MODULE.bazel to a sysroot's archive, or to this machine's own libraries:
    sysroot = use_extension("@ocidiet//rules:extensions.bzl", "sysroot")
    sysroot.host(name = "NAME")
    use_repo(sysroot, "NAME")"""

def _impl(ctx):
    toolchain = ctx.toolchains[_TYPE] if _OPTIONAL else None
    cc = getattr(toolchain, "cc", toolchain) if toolchain else None
    sysroot = getattr(cc, "sysroot", None) if cc else None
    if not sysroot:
        why = "no root to take libraries from: neither the C++ toolchain has a sysroot nor does a flag name one.\n"
        return [root_info(missing = why + _ADVICE)]
    above = sysroot.rstrip("/") + "/"
    entries = [
        struct(place = file.path[len(above) - 1:], file = file)
        for file in cc.all_files.to_list()
        if file.path.startswith(above)
    ]
    if not entries:
        why = "the C++ toolchain's sysroot, %s, is not among its files, so that no action may read it.\n"
        return [root_info(missing = why % sysroot + _ADVICE)]
    return [root_info(entries = entries), DefaultInfo(files = cc.all_files)]

# Bazel 4 has only toolchains that must be there, and then no image could be made without one.
_OPTIONAL = hasattr(config_common, "toolchain_type")

cc_root = rule(
    doc = "The files of the C++ toolchain's sysroot, as an `OcidietRootInfo`.",
    implementation = _impl,
    toolchains = [config_common.toolchain_type(_TYPE, mandatory = False)] if _OPTIONAL else [],
)
