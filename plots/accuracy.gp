# Accuracy by epoch: train solid, val dashed; one colour a training.
set xlabel 'epoch'
set ylabel 'accuracy (share of clips)'
set xtics 1
last = 1
do for [i = 1:n] {
    stats scratch.sprintf('/curve-%d.tsv', i) using 1 nooutput
    if (STATS_max > last) { last = STATS_max }
}
set yrange [0:1]
set rmargin 3
set xrange [(last > 1 ? 1 : 0):last]
if (last > 12) { set xtics autofreq }
if (n > 1) { unset rmargin }
if (n == 1) { set key inside right bottom horizontal }
plot for [i = 1:n] scratch.sprintf('/curve-%d.tsv', i) using 1:3 with linespoints linewidth 1.6 linecolor rgb rgb(i) \
         pointtype 7 pointsize 0.5 title (n == 1 ? 'train' : label(i)), \
     for [i = 1:n] scratch.sprintf('/curve-%d.tsv', i) using 1:5 with linespoints linewidth 1.6 dashtype (12, 6) \
         linecolor rgb rgb(n == 1 ? 2 : i) pointtype 6 pointsize 0.5 title (n == 1 ? 'val' : ''), \
     NaN with lines linewidth 1.6 linecolor '#404040' title (n == 1 ? '' : 'train'), \
     NaN with lines linewidth 1.6 dashtype (12, 6) linecolor '#404040' title (n == 1 ? '' : 'val')
