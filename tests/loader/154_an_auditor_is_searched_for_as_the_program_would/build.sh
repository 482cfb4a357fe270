# An auditor is searched for with the program's own paths, DT_RPATH as DT_RUNPATH.
lib own/libone.so -x c - -x none <<end
unsigned la_version(unsigned v) { return v; }
end
program "-Wl,--disable-new-dtags,-rpath,$PWD/own,--audit,libone.so"
told runs
