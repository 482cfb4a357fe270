# A chain of 2000 libraries, each needing the next, is walked to its end.
mkdir l
echo 'l/lib0001.so' >/dev/null
lib l/lib0001.so
lib l/lib0000.so l/lib0001.so "-Wl,-rpath,$PWD/l"
program l/lib0000.so "-Wl,-rpath,$PWD/l"
python3 - <<end
pattern = open("l/lib0000.so", "rb").read()
for n in range(2000):
    text = pattern.replace(b"lib0001.so", b"lib%04d.so" % (n + 1)).replace(b"lib0000.so", b"lib%04d.so" % n)
    open(f"l/lib{n:04}.so", "wb").write(text)
end
lib l/lib2000.so
