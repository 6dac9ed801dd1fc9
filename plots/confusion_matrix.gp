# Clips by truth and prediction, a panel a run; the colour is the share of the class's clips. Lengths are in cm.
load scratch.'/classes-1.gp'
columns = ceil(sqrt(n))
rows = ceil(n / (columns + 0.0))
size = n == 1 ? 10 : 8
cell = n == 1 ? (classes <= 20 ? 1.0 : 0.36) : (classes <= 20 ? 0.62 : 0.3)
side = cell * classes
left = 0.6 + 0.021 * size * longest + (n == 1 ? 0.6 : 0)
below = 0.7 + 0.015 * size * longest + (n == 1 ? 0.7 : 0)
above = n == 1 ? 0.5 : 1.0
right = 0.4 + (n == 1 ? 2.4 : 0.010 * size * longest)
wide = columns * (left + side + right)
high = rows * (above + side + below) + (n == 1 ? 0 : 0.5)
if (format eq 'pdf') {
    set terminal pdfcairo noenhanced size wide * 1cm, high * 1cm font sprintf('DejaVu Sans,%d', size) \
        background '#ffffff'
} else {
    set terminal pngcairo noenhanced size int(wide * 68), int(high * 68) font sprintf('DejaVu Sans,%d', size * 1.75) \
        linewidth 1.8 background '#ffffff'
}
unset key
unset grid
set border 15 linecolor '#808080'
set tics scale 0
set xtics rotate by -45 left
set palette defined (0 '#ffffff', 0.5 '#56b4e9', 1 '#003f66')
set cbrange [0:1]
unset colorbox
if (n == 1) {
    set xlabel 'predicted class'
    set ylabel 'true class'
    set colorbox
    set cblabel "share of the class's clips"
    set cbtics 0.25
}
if (n > 1) {
    set label 1 'rows: true class, columns: predicted class' at screen 0.01, 0.012 left
}
count(clips) = classes <= 20 && clips > 0 ? sprintf('%d', clips) : ''
set multiplot
do for [i = 1:n] {
    load scratch.sprintf('/classes-%d.gp', i)
    column = (i - 1) % columns
    row = (i - 1) / columns
    set lmargin at screen (column * (left + side + right) + left) / wide
    set rmargin at screen (column * (left + side + right) + left + side) / wide
    set tmargin at screen 1 - (row * (above + side + below) + above) / high
    set bmargin at screen 1 - (row * (above + side + below) + above + side) / high
    set xrange [-0.5:classes - 0.5]
    set yrange [classes - 0.5:-0.5]
    set title label(i)
    if (i > 1) { unset label 1 }
    file = scratch.sprintf('/matrix-%d.tsv', i)
    plot file using 1:2:4 with image, \
         file using 1:($4 > 0.55 ? NaN : $2):(count($3)) with labels textcolor rgb '#000000', \
         file using 1:($4 > 0.55 ? $2 : NaN):(count($3)) with labels textcolor rgb '#ffffff'
}
unset multiplot
