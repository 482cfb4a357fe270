"""`ocidiet verify`: as the proof of a tar, and as a test of any image."""

load(":launch.bzl", "launcher")
load(":paths.bzl", "shown")
load(":toolchain.bzl", "TOOLCHAINS", "run_tool", "tool_of")

def verified(ctx, tars, execution_requirements):
    """Verify a finished image by an action.

    Args:
      ctx: of a rule that has `TOOLCHAINS`
      tars: Files: one, or an image's layers, the lowest first
      execution_requirements: of the action

    Returns:
      a File that is made if the image has no defect
    """
    proof = ctx.actions.declare_file(ctx.label.name + ".verify.json")
    args = ctx.actions.args()
    args.add("verify")
    args.add("--report", proof)
    args.add_all(_stacked(tars))
    args.add_all(tars)
    run_tool(
        ctx,
        arguments = args,
        execution_requirements = execution_requirements,
        inputs = tars,
        mnemonic = "OcidietVerify",
        outputs = [proof],
        progress_message = "Verifying image " + shown(ctx.label),
    )
    return proof

def _stacked(images):
    return ["--stacked"] if len(images) > 1 else []

_BODY = """\
os.execv(run[0], [*run, "verify", *{words}, *sys.argv[1:]])
"""

def _impl(ctx):
    images = ctx.files.image
    words = _stacked(images) + [image.short_path for image in images]
    return [launcher(ctx, tool_of(ctx), _BODY.format(words = words), images)]

_ocidiet_verify_test = rule(
    attrs = {
        "image": attr.label(
            allow_files = True,
            doc = "A tar of a root file system, an OCI layout or archive, or what `docker save` writes; by whatever " +
                  "rule. Several tars are its layers, the lowest first.",
            mandatory = True,
        ),
    },
    implementation = _impl,
    test = True,
    toolchains = TOOLCHAINS,
)

def ocidiet_verify_test(name, image, size = "small", **kwargs):
    """A test that an image is complete: interpreters, libraries and their symbol versions, scripts, links.

    Args:
      name: of the target
      image: a tar of a root file system, an OCI layout or archive, or what `docker save` writes; by whatever rule.
        Several tars are its layers, the lowest first
      size: of the test
      **kwargs: what all tests take
    """
    _ocidiet_verify_test(name = name, image = image, size = size, **kwargs)
