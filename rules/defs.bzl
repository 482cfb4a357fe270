"""The rules of ocidiet: the one file that a BUILD file or a WORKSPACE loads.

rules/README.md tells what they are for, with examples.
"""

load("//rules/private:archive.bzl", _ocidiet_archive = "ocidiet_archive")
load("//rules/private:host.bzl", _ocidiet_host_root = "ocidiet_host_root")
load("//rules/private:providers.bzl", _OcidietRootInfo = "OcidietRootInfo")
load("//rules/private:root.bzl", _ocidiet_root = "ocidiet_root")
load("//rules/private:tar.bzl", _ocidiet_tar = "ocidiet_tar")
load("//rules/private:toolchain.bzl", _ocidiet_toolchain = "ocidiet_toolchain")
load("//rules/private:verify.bzl", _ocidiet_verify_test = "ocidiet_verify_test")

ocidiet_tar = _ocidiet_tar
ocidiet_archive = _ocidiet_archive
ocidiet_verify_test = _ocidiet_verify_test
ocidiet_root = _ocidiet_root
ocidiet_host_root = _ocidiet_host_root
ocidiet_toolchain = _ocidiet_toolchain
OcidietRootInfo = _OcidietRootInfo
