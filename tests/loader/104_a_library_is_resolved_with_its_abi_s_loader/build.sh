# A library that names no interpreter is resolved as by the one that its ABI prescribes.
lib l/libb.so
lib program l/libb.so -lm '-Wl,-rpath,$ORIGIN/l'
told listed
