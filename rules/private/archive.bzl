"""`ocidiet_archive`: programs and what they need, as an image that engines load."""

load(":launch.bzl", "launcher")
load(":pack.bzl", "PACK_ATTRS", "as_dict", "pack", "to_platform")
load(":toolchain.bzl", "TOOLCHAINS", "tool_of")
load(":verify.bzl", "verified")

_LOAD = """\
import shutil

engine = os.environ.get("OCIDIET_ENGINE") or shutil.which("docker") or shutil.which("podman")
if not engine:
    sys.exit("ocidiet: error: neither docker nor podman is on PATH")
os.execvp(engine, [engine, "load", *sys.argv[1:], "-i", "{image}"])
"""

def _impl(ctx):
    if len(ctx.attr.repo_tags) > 1:
        fail("repo_tags: an image has one name")
    image = ctx.actions.declare_file(ctx.label.name + ".oci.tar")
    report = ctx.actions.declare_file(ctx.label.name + ".report.json")
    words = [
        ("--archive", image),
        ("--report", report),
        ("--layers", "auto"),
        ("--tag", (ctx.attr.repo_tags + [ctx.label.name])[0]),
    ]
    for option, value in [
        ("--cmd", json.encode(ctx.attr.cmd) if ctx.attr.cmd else ""),
        ("--entrypoint", json.encode(ctx.attr.entrypoint) if ctx.attr.entrypoint else ""),
        ("--user", ctx.attr.user),
        ("--workdir", ctx.attr.workdir),
    ]:
        words += [(option, value)] if value else []
    for option, pairs in [
        ("--annotation", ctx.attr.annotations),
        ("--env", ctx.attr.env),
        ("--label", ctx.attr.labels),
    ]:
        words += [(option, "%s=%s" % pair) for pair in pairs.items()]
    words += [("--expose", port) for port in ctx.attr.exposed_ports]
    words += [("--volume", directory) for directory in ctx.attr.volumes]
    requirements = pack(ctx, words, [image, report], "OcidietArchive")
    proof = verified(ctx, [image], requirements)
    return [
        launcher(ctx, tool_of(ctx), _LOAD.format(image = image.short_path), [image], [image]),
        OutputGroupInfo(_validation = depset([proof]), report = depset([report])),
    ]

_ocidiet_archive = rule(
    attrs = dict(
        PACK_ATTRS,
        annotations = attr.string_dict(doc = "Of the manifest."),
        cmd = attr.string_list(doc = "What the entrypoint is told.  # do not sort"),
        entrypoint = attr.string_list(doc = "What starts. Default: the one program; of several none.  # do not sort"),
        env = attr.string_dict(doc = "`$NAME` in a value stands for what is set before it."),
        exposed_ports = attr.string_list(doc = "Where it listens: `8080`, `53/udp`."),
        labels = attr.string_dict(doc = "Of the configuration."),
        repo_tags = attr.string_list(doc = "Its name, `NAME:TAG`. Default: the target's name, and `latest`."),
        user = attr.string(doc = "Name or number of the user. Default: the base's, else root."),
        volumes = attr.string_list(doc = "Directories in which it keeps what stays."),
        workdir = attr.string(doc = "Where it starts."),
    ),
    cfg = to_platform,
    executable = True,
    implementation = _impl,
    toolchains = TOOLCHAINS,
)

def ocidiet_archive(name, binaries, extras = {}, **kwargs):
    """Programs with all that they need to run, as the image NAME.oci.tar, which `bazel run` loads into docker or podman.

    `OCIDIET_ENGINE` in the environment names another engine. The output group `report` is as that of `ocidiet_tar`.

    Args:
      name: of the target
      binaries: programs and shared libraries: a list, or a dict to places in the image
      extras: more files, a dict to places in the image
      **kwargs: `entrypoint`, `cmd`, `env`, `user`, `workdir`, `labels`, `annotations`, `exposed_ports`, `volumes` and
        `repo_tags` as a Dockerfile has them; `root`, `base`, `package_dir`, `platform`, `extra_flags`, as rules/README.md
        tells, and what all rules take
    """
    _ocidiet_archive(name = name, binaries = as_dict(binaries), extras = extras, **kwargs)
