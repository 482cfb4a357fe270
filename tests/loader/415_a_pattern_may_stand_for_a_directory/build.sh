# A pattern of `include` may have marks in its directories, and `[!...]` classes.
root
lib one/liba.so
lib two/libb.so
program one/liba.so two/libb.so
mkdir -p etc/c1/d etc/c2/d
echo /one >etc/c1/d/x.conf
echo /two >etc/c2/d/y.conf
echo 'include c[!3-9]/d/?.conf' >etc/ld.so.conf
told ldconfig
