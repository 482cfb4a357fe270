# DT_AUDIT and DT_DEPAUDIT of the program, colon lists, name libraries that are loaded with all they need.
auditor() {
    lib "$@" -x c - -x none <<end
unsigned la_version(unsigned v) { return v; }
end
}
lib deep/libd.so
auditor own/libone.so deep/libd.so "-Wl,-rpath,$PWD/deep"
auditor own/libtwo.so
auditor own/libthree.so
lib own/liba.so
program own/liba.so "-Wl,-rpath,$PWD/own,--audit,libone.so:libtwo.so,--depaudit,libthree.so"
told runs
