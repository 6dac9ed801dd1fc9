# Whole training steps and evaluations as shares of the FMA peak: a panel for each and for 1 and 2 threads, three bars
# for each F. Drawn by tests/bench_report.sh, which prepares the data.
array series[3] = ['bitfast, exact', 'bitfast, openblas', pytorch.', best variant']
places = most > 1 ? 2 : 1
width = 0.8 / n
small = format eq 'pdf' ? 7 : 13
position(i) = (i - (n + 1) / 2.0) * width
top = 1.12 * (highest > 100 ? highest : 100)
inside(share) = share > 0.9 * top ? 0.9 * top : share
milliseconds(ms) = sprintf(ms < 100 ? '%.1f' : '%.0f', ms)
step = top > 150 ? 50 : 25
set multiplot
unset key
set label 1 sprintf('%s, %.0f GFLOP/s a core at its peak', machine, peak) at screen 0.5, 0.97 center
set label 2 'above each bar: ms for 8 clips; whiskers: the fastest and the slowest turn; counting direct convolutions' \
    at screen 0.5, 0.022 center font sprintf(',%d', small)
do for [i = 1:n] {
    left = 0.5 + (i - 1 - n / 2.0) * 0.29 + (n == 3 ? 0.01 : 0.05)
    set object i rectangle from screen left, 0.916 to screen left + 0.02, 0.936 fillstyle solid noborder \
        fillcolor rgb rgb(i)
    set label 2 + i series[i] at screen left + 0.03, 0.926 left
}
set style fill solid 1.0 noborder
set boxwidth width * 0.92
set xrange [-0.5:2.5]
set yrange [0:top]
set ytics step
set xtics scale 0
do for [row = 0:1] {
    operation = word('training evaluation', row + 1)
    do for [place = 0:places - 1] {
        file = scratch.sprintf('/panel-%s-%d.tsv', operation, place + 1)
        set title sprintf('%s, %d thread%s', row == 0 ? 'training step' : 'evaluation', place + 1, \
            place == 0 ? '' : 's') offset 0, -0.6
        set lmargin at screen 0.09 + place * 0.48
        set rmargin at screen (places == 1 ? 0.98 : 0.50 + place * 0.48)
        set tmargin at screen 0.84 - row * 0.40
        set bmargin at screen 0.56 - row * 0.40
        if (place == 0) { set ylabel 'share of FMA peak (%)' offset 1.2, 0 } else { unset ylabel }
        if (row == 1) { set xlabel 'F, filters of the first convolution' offset 0, 0.3 } else { unset xlabel }
        plot for [i = 1:n] file using ($0 + position(i)):(column(4 * i - 2)) with boxes linecolor rgb rgb(i), \
             for [i = 1:n] file using ($0 + position(i)):(column(4 * i - 1)):(0):(column(4 * i) - column(4 * i - 1)) \
                 with vectors nohead linecolor '#404040' linewidth 1, \
             for [i = 1:n] file using ($0 + position(i)):(inside(column(4 * i))):(milliseconds(column(4 * i + 1))) \
                 with labels offset 0, 0.6 font sprintf(',%d', small), \
             file using 0:(NaN):xtic(1) with points
        unset label
        unset object
    }
}
unset multiplot
