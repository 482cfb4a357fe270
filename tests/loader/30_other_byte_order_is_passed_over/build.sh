# A library of another byte order (EI_DATA) is no candidate; the search goes on.
lib l/liba.so
cp -r l order
patch order/liba.so 5 '\002'
program l/liba.so "-Wl,-rpath,$PWD/order:$PWD/l"
