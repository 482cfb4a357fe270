# find_package(ocidiet 0.1 CONFIG REQUIRED): images as targets of a CMake project.
#
#   cmake -B build -Docidiet_DIR="$(ocidiet --cmakedir)"
#
# +++ function +++
#   ocidiet_add_image(NAME TARGETS target... [keyword value...])
#     NAME          a target that makes the image, a root file system tar; in `all` only with ALL
#     TARGETS       executables, shared and module libraries, imported ones too
#     EXTRA         more files, directories and links: SRC[:DEST]...
#     ROOT          where libraries come from                       [see "the root", below]
#     BASE          an image: the tar is a layer over it, of what it lacks
#     INSTALL_COMPONENT  all that `cmake --install` installs of this component, at its places; TARGETS then
#                   says no more than what must be built before. Staged and looked at in every build
#     OUTPUT_NAME   the image is OUTPUT_NAME.tar                    [NAME]
#     OPTIONS       more options of the tool, words
#   The image stands in CMAKE_CURRENT_BINARY_DIR, of several configurations in one directory each;
#   $<GENEX_EVAL:$<TARGET_PROPERTY:NAME,OCIDIET_IMAGE>> is its path. EXTRA and OPTIONS may hold generator
#   expressions.
#
# +++ targets +++
#   image         make every image
#   NAME_list     list the entries: path, size, reason
#   NAME_tree     the same, and who needs what
#   NAME_verify   make the image, and look again whether it is complete
#
# +++ variables +++                                                              [default]
#   OCIDIET                                     the tool, words       [what lies beside this file]
#   CMAKE_INSTALL_BINDIR, CMAKE_INSTALL_LIBDIR  where targets go, below /usr/local [GNUInstallDirs]
#
# It needs CMake 3.20, and 3.21 with Ninja Multi-Config, whose DEPFILE names a configuration.
# This page decides nothing: it turns keywords into one call of the tool. Private names start with __ocidiet.

cmake_minimum_required(VERSION 3.20...3.31)

# The tool beside this page: `tool` in the caller. The package's own Python is known to be new enough.
function(__ocidiet_tool)
  set(tool "${OCIDIET}")
  foreach(main ../__main__.py ../ocidiet/__main__.py ocidiet.pyz)
    cmake_path(ABSOLUTE_PATH main BASE_DIRECTORY ${CMAKE_CURRENT_FUNCTION_LIST_DIR} NORMALIZE)
    if(NOT tool AND EXISTS ${main})
      find_program(OCIDIET_PYTHON python3 HINTS ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../../../../../bin
        NO_CMAKE_FIND_ROOT_PATH REQUIRED)
      mark_as_advanced(OCIDIET_PYTHON)
      set(tool ${OCIDIET_PYTHON} -IS ${main})
    endif()
  endforeach()
  if(NOT tool)
    set(tool ocidiet)
  endif()
  set(tool "${tool}" PARENT_SCOPE)
endfunction()

# The root, `root` in the caller: ROOT, else CMAKE_SYSROOT, else the first of CMAKE_FIND_ROOT_PATH that holds
# a program interpreter, else the machine's own, which is never taken when cross-compiling.
function(__ocidiet_root name given)
  set(root "${given}")
  set(from ROOT)
  if(NOT root)
    set(root "${CMAKE_SYSROOT}")
    set(from CMAKE_SYSROOT)
  endif()
  if(NOT root)
    set(from CMAKE_FIND_ROOT_PATH)
    foreach(directory IN LISTS CMAKE_FIND_ROOT_PATH)
      file(GLOB interpreters ${directory}/lib*/ld*.so.[0-9]*)
      if(interpreters)
        set(root ${directory})
        break()
      endif()
    endforeach()
  endif()
  if(CMAKE_CROSSCOMPILING AND (NOT root OR root STREQUAL "/"))
    message(FATAL_ERROR "ocidiet_add_image(${name}): cross-compiling, and no root to take libraries from: set CMAKE_SYSROOT, "
      "or name a directory that holds the target's program interpreter (lib/ld*.so.*) in CMAKE_FIND_ROOT_PATH or with ROOT")
  endif()
  if(root)
    cmake_path(ABSOLUTE_PATH root BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} NORMALIZE)
    message(STATUS "ocidiet: ${name}: root ${root} (${from})")
  endif()
  set(root "${root}" PARENT_SCOPE)
endfunction()

function(ocidiet_add_image name)
  cmake_parse_arguments(PARSE_ARGV 1 arg ALL "ROOT;BASE;INSTALL_COMPONENT;OUTPUT_NAME" "TARGETS;EXTRA;OPTIONS")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "ocidiet_add_image(${name}): unknown: ${arg_UNPARSED_ARGUMENTS}")
  elseif(arg_KEYWORDS_MISSING_VALUES MATCHES "ROOT|BASE|INSTALL_COMPONENT|OUTPUT_NAME")
    message(FATAL_ERROR "ocidiet_add_image(${name}): without a value: ${arg_KEYWORDS_MISSING_VALUES}")
  elseif(NOT arg_TARGETS)
    message(FATAL_ERROR "ocidiet_add_image(${name}): TARGETS is missing")
  endif()
  include(GNUInstallDirs)
  cmake_path(ABSOLUTE_PATH CMAKE_INSTALL_BINDIR BASE_DIRECTORY /usr/local OUTPUT_VARIABLE bindir)
  cmake_path(ABSOLUTE_PATH CMAKE_INSTALL_LIBDIR BASE_DIRECTORY /usr/local OUTPUT_VARIABLE libdir)
  if(NOT arg_OUTPUT_NAME)
    set(arg_OUTPUT_NAME ${name})
  endif()
  get_property(several GLOBAL PROPERTY GENERATOR_IS_MULTI_CONFIG)
  set(config "")
  if(several AND CMAKE_VERSION VERSION_LESS 3.21)
    message(FATAL_ERROR "ocidiet_add_image(${name}): several configurations in one build tree need CMake 3.21")
  elseif(several)
    set(config $<CONFIG>/)
  endif()
  set(image ${CMAKE_CURRENT_BINARY_DIR}/${config}${arg_OUTPUT_NAME}.tar)

  __ocidiet_tool()
  __ocidiet_root(${name} "${arg_ROOT}")
  set(content "")
  if(NOT arg_OPTIONS MATCHES "--build-tree")
    list(APPEND content --build-tree ${CMAKE_BINARY_DIR})
  endif()
  if(root)
    list(APPEND content --root ${root})
  endif()
  set(files "")
  if(arg_BASE)
    if(NOT arg_BASE MATCHES "^(/|[$]<)")
      set(arg_BASE ${CMAKE_CURRENT_SOURCE_DIR}/${arg_BASE})
    endif()
    list(APPEND content --base ${arg_BASE})
  endif()
  foreach(target IN LISTS arg_TARGETS)
    if(NOT TARGET ${target})
      message(FATAL_ERROR "ocidiet_add_image(${name}): ${target} is no target (yet)")
    endif()
    get_target_property(type ${target} TYPE)
    get_target_property(imported ${target} IMPORTED)
    if(arg_INSTALL_COMPONENT)
      continue()
    elseif(type STREQUAL EXECUTABLE)
      list(APPEND content -b $<TARGET_FILE:${target}>:${bindir}/$<TARGET_FILE_NAME:${target}>)
    elseif(type STREQUAL SHARED_LIBRARY AND NOT imported)
      # By the name that others ask for, not by that of the file with its whole version.
      list(APPEND content -b $<TARGET_FILE:${target}>:${libdir}/$<TARGET_SONAME_FILE_NAME:${target}>)
    elseif(type MATCHES "^(SHARED|MODULE|UNKNOWN)_LIBRARY$")
      list(APPEND content -b $<TARGET_FILE:${target}>:${libdir}/$<TARGET_FILE_NAME:${target}>)
    else()
      message(FATAL_ERROR "ocidiet_add_image(${name}): ${target} (${type}) is neither a program nor a library that a loader maps")
    endif()
  endforeach()
  foreach(extra IN LISTS arg_EXTRA)
    if(NOT extra MATCHES "^(=|/|[$]<)")
      set(extra ${CMAKE_CURRENT_SOURCE_DIR}/${extra})
    endif()
    list(APPEND content -e ${extra})
    # For the first build alone, in which another rule may have to make it; the depfile knows the rest.
    string(REGEX REPLACE ":/.*" "" file ${extra})
    if(file MATCHES "^/" AND NOT IS_DIRECTORY ${file})
      list(APPEND files ${file})
    endif()
  endforeach()
  list(APPEND content ${arg_OPTIONS})
  set(comment "Packing image ${arg_OUTPUT_NAME}.tar")
  set(all "")
  if(arg_ALL)
    set(all ALL)
  endif()

  set(stage "")
  set(missing "")
  set(byproducts BYPRODUCTS ${image})
  set(ready ${arg_TARGETS})
  if(arg_INSTALL_COMPONENT)
    # Nothing tells what `cmake --install` reads, so it runs in every build; an image of unchanged
    # content still ends the build there. A file that is no longer installed must not stay.
    set(stage ${CMAKE_CURRENT_BINARY_DIR}/${config}${arg_OUTPUT_NAME}.destdir)
    list(APPEND content --destdir ${stage})
    add_custom_target(${name} ${all}
      COMMAND ${CMAKE_COMMAND} -E rm -rf ${stage}
      COMMAND sh -c "exec \"$@\" >/dev/null" - ${CMAKE_COMMAND} -E env DESTDIR=${stage}
        ${CMAKE_COMMAND} --install ${CMAKE_BINARY_DIR} --component ${arg_INSTALL_COMPONENT}
        $<$<BOOL:$<CONFIG>>:--config$<SEMICOLON>$<CONFIG>>
      COMMAND ${tool} -t ${image} ${content} --keep-mtime
      DEPENDS ${files} ${byproducts} COMMENT ${comment} COMMAND_EXPAND_LISTS VERBATIM)
    add_dependencies(${name} ${arg_TARGETS})
    set(ready ${name})
  else()
    if(NOT CMAKE_GENERATOR MATCHES Ninja)
      # A by-product that is gone is no reason for a Makefile to run the rule, and of two outputs it
      # touches the second after every run. What has no prerequisites runs only while it is absent.
      add_custom_command(OUTPUT ${image} COMMAND ${CMAKE_COMMAND} -E true COMMENT "" VERBATIM)
      set(missing ${image})
      set(byproducts "")
    endif()
    # The stamp is as old as the start of the run: what was written since then is newer. The image of
    # unchanged content keeps its time, so that nothing behind it runs.
    add_custom_command(OUTPUT ${image}.stamp ${byproducts}
      COMMAND ${tool} -t ${image} ${content} --keep-mtime
        --depfile ${image}.d --depfile-target ${image}.stamp --depfile-style cmake
      COMMAND touch -r ${image}.d ${image}.stamp
      DEPENDS ${arg_TARGETS} ${files} ${missing} DEPFILE ${image}.d
      COMMENT ${comment} COMMAND_EXPAND_LISTS VERBATIM)
    add_custom_target(${name} ${all} DEPENDS ${image}.stamp)
  endif()
  set_target_properties(${name} PROPERTIES OCIDIET_IMAGE ${image}
    ADDITIONAL_CLEAN_FILES "${image}.d;${image}.state;${stage}")

  set(look sh -c "exec \"$@\" 2>&1 >/dev/null" - ${tool} -t - ${content})
  foreach(verb IN ITEMS list tree)
    string(REPLACE list -v flag ${verb})
    string(REPLACE tree -vv flag ${flag})
    add_custom_target(${name}_${verb} COMMAND ${look} ${flag} DEPENDS ${files} COMMENT "" COMMAND_EXPAND_LISTS VERBATIM)
    add_dependencies(${name}_${verb} ${ready})
  endforeach()
  add_custom_target(${name}_verify COMMAND ${tool} verify ${image} COMMENT "" VERBATIM)
  add_dependencies(${name}_verify ${name})
  if(NOT TARGET image)
    add_custom_target(image)
  endif()
  if(NOT name STREQUAL image)
    add_dependencies(image ${name})
  endif()
endfunction()
