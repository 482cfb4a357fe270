# All names that are not found, wherever in the closure.
lib libx.so
lib liby.so
lib liba.so libx.so
program liba.so liby.so "-Wl,-rpath,$PWD"
rm libx.so liby.so
