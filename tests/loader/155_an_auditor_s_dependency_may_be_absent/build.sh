# An auditor whose own library is not found is passed over as a whole.
lib own/libd.so
lib own/libone.so own/libd.so -x c - -x none <<end
unsigned la_version(unsigned v) { return v; }
end
program "-Wl,-rpath,$PWD/own,--audit,libone.so"
rm own/libd.so
told runs
