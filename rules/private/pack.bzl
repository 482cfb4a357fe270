"""What the rules that pack have in common: attributes, and the tool's words for them."""

load(":paths.bzl", "below_package", "is_library", "place", "shown", "spelled", "virtual")
load(":root.bzl", "place_and_path", "root_of")
load(":toolchain.bzl", "run_tool")

_PLATFORMS = "//command_line_option:platforms"

def _platform_impl(settings, attr):
    return {_PLATFORMS: [attr.platform] if attr.platform else settings[_PLATFORMS]}

to_platform = transition(implementation = _platform_impl, inputs = [_PLATFORMS], outputs = [_PLATFORMS])

# A cc_import has its library in CcInfo alone, which no file can name that loads on Bazel 4 and on 9: its attribute tells.
_ImportedInfo = provider(doc = "The library of a cc_import.", fields = {"files": "depset of File"})

def _imported_impl(_target, ctx):
    files = getattr(ctx.rule.files, "shared_library", []) if ctx.rule.kind == "cc_import" else []
    return [_ImportedInfo(files = depset(files))]

_imported = aspect(implementation = _imported_impl)

PACK_ATTRS = {
    "base": attr.label(
        allow_files = True,
        doc = "The image that this one lies over: a tar of a root file system, an OCI layout or archive. Only what " +
              "it lacks is packed.",
    ),
    "binaries": attr.label_keyed_string_dict(
        allow_files = True,
        aspects = [_imported],
        doc = "Programs and shared libraries, each with its place in the image.",
    ),
    "extra_flags": attr.string_list(
        doc = "More words for the tool: `ocidiet --help-all` lists them.",
    ),
    "extras": attr.label_keyed_string_dict(
        allow_files = True,
        doc = "More files, each with its place in the image; with a `/` at its end it is the directory. Of several " +
              "files it is the directory in which they stand as they do below their package.",
    ),
    "package_dir": attr.string(
        doc = "A directory in the image below which programs stand as they do in the build: `/app` for /app/PACKAGE/NAME, " +
              "and /app/_solib_k8 for libraries that are found from there. Default: /usr/local/bin/NAME, and " +
              "/usr/local/lib/NAME for a shared library.",
    ),
    "platform": attr.label(
        doc = "The platform to build for. Default: that of the build.",
    ),
    "root": attr.label(
        allow_files = True,
        doc = "The root file system in which libraries are looked up that no target provides: an `ocidiet_root`, one " +
              "tar or OCI layout, or files below their package. Default: `--@ocidiet//rules:root`, and that one's the " +
              "C++ toolchain's sysroot.",
    ),
    "_allowlist_function_transition": attr.label(
        default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
    ),
    "_root": attr.label(allow_files = True, default = "//rules:root"),
}

def as_dict(labels):
    """Labels with their places.

    Args:
      labels: a dict of them, a list of labels without places, or a select of dicts

    Returns:
      a value for a label_keyed_string_dict
    """
    return {label: "" for label in labels} if type(labels) == "list" else labels

def _files(target):
    imported = [target[_ImportedInfo].files] if _ImportedInfo in target else []  # a source file has no rule
    return depset(transitive = [target[DefaultInfo].files] + imported)

def _programs(target):
    executable = target[DefaultInfo].files_to_run.executable
    if executable:
        return [executable]

    # A filegroup of programs; or a library, which has archives or a directory of headers as well.
    files = _files(target).to_list()
    return [file for file in files if not file.is_directory and file.extension not in ("a", "lo", "o")]

def _absolute(dest, of):
    if not dest.startswith("/"):
        fail("%s: %r is not absolute; a place in the image is" % (of, dest))

def _place(ctx, file, dest):
    if not dest and ctx.attr.package_dir:
        return place("", virtual(file.short_path), ctx.attr.package_dir.rstrip("/"))
    return place(dest, file.basename, "/usr/local/lib" if is_library(file.basename) else "/usr/local/bin")

def _binaries(ctx):
    words = []
    placed = {}
    for target, dest in ctx.attr.binaries.items():
        files = _programs(target)
        if not files:
            fail("binaries: %s has no program or shared library" % shown(target.label))
        if dest:
            _absolute(dest, "binaries: %s" % shown(target.label))
        if len(files) > 1 and dest and not dest.endswith("/"):
            fail("binaries: %s is several files: their place is a directory, %s/" % (shown(target.label), dest))
        for file in files:
            to = _place(ctx, file, dest)
            if placed.setdefault(to, file) != file:
                both = (shown(placed[to].owner), shown(file.owner), to)
                fail("binaries: %s and %s are both at %s; give one another place: {LABEL: PLACE}" % both)
            words.append(spelled(virtual(file.short_path)) + ":" + to)
    return words

def _extras(ctx):
    words = []
    for target, dest in ctx.attr.extras.items():
        _absolute(dest, "extras: %s" % shown(target.label))
        files = target[DefaultInfo].files.to_list()
        for file in files:
            name = file.basename
            to = dest
            if len(files) > 1:
                name = below_package(file.short_path, file.owner.package) or name
                to = dest.rstrip("/") + "/"
            words.append(spelled(virtual(file.short_path)) + ":" + place(to, name, ""))
    return words

def _place_and_path(file):
    return virtual(file.short_path) + "\t" + file.path + "\t" + shown(file.owner)

def _root(ctx):
    info = root_of(ctx.attr.root) if ctx.attr.root else root_of(ctx.attr._root)
    if info.missing:
        fail(info.missing)
    return info

def pack(ctx, words, outputs, mnemonic):
    """Pack the rule's programs by one action.

    Args:
      ctx: of a rule with `PACK_ATTRS` and `TOOLCHAINS`
      words: a list of pairs: an option, and its value or output (as `(format, File)` where the value holds more)
      outputs: Files that the tool writes
      mnemonic: of the action

    Returns:
      the execution requirements that what uses the outputs' inputs has
    """
    if not ctx.attr.binaries and not ctx.attr.extras:
        fail("neither binaries nor extras: there is nothing to put into the image")
    if ctx.attr.package_dir:
        _absolute(ctx.attr.package_dir, "package_dir")
    root = _root(ctx)
    args = ctx.actions.args()
    args.use_param_file("@%s", use_always = True)
    args.set_param_file_format("multiline")
    for option, value in words:
        if type(value) == "tuple":
            args.add(option)
            args.add(value[1], format = value[0])
        else:
            args.add(option, value)
    args.add_all(ctx.attr.extra_flags)
    args.add_all("-b", _binaries(ctx))
    args.add_all("-e", _extras(ctx))

    base = ctx.files.base
    if len(base) > 1:
        fail("base: %s is several files; an image is one" % shown(ctx.attr.base.label))
    args.add_all("--base", base, expand_directories = False)

    own = []
    for target in ctx.attr.binaries.keys():
        own += [_files(target), target[DefaultInfo].default_runfiles.files]
    own += [target[DefaultInfo].files for target in ctx.attr.extras.keys()]
    own = depset(transitive = own)

    unused = ctx.actions.declare_file(ctx.label.name + ".unused")
    args.add("--unused-inputs", unused)
    args.add_all("--tree-files", own, map_each = _place_and_path, omit_if_empty = False)
    beside = base
    if root.archive:
        args.add_all("--root", [root.archive], expand_directories = False)
        beside = base + [root.archive]
    else:
        args.add_all("--root-files", root.entries, map_each = place_and_path, omit_if_empty = False)
        if root.links:
            args.add("--root-links", root.links)
            beside = base + [root.links]
    requirements = {"no-remote": "1"} if root.local else {}
    run_tool(
        ctx,
        arguments = args,
        execution_requirements = requirements,
        inputs = depset(beside, transitive = [own, root.files]),
        mnemonic = mnemonic,
        outputs = outputs + [unused],
        progress_message = "Packing image " + shown(ctx.label),
        unused_inputs_list = unused,
    )
    return requirements
