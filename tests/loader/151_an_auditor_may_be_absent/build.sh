# An auditor that is not found is warned of, and passed over.
lib l/liba.so
program l/liba.so "-Wl,-rpath,$PWD/l,--audit,libgone.so"
told runs
