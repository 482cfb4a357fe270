# ET_EXEC programs (-no-pie) are resolved as PIE ones are.
lib l/liba.so
program l/liba.so -no-pie "-Wl,-rpath,$PWD/l"
