# Loss by epoch: train solid, val dashed, the loss of each step faint behind; one colour a training.
set xlabel 'epoch'
set ylabel 'loss (cross-entropy, nat)'
set xtics 1
last = 1
do for [i = 1:n] {
    stats scratch.sprintf('/curve-%d.tsv', i) using 1 nooutput
    if (STATS_max > last) { last = STATS_max }
}
set yrange [0:*]
set rmargin 3
set xrange [0:last]
if (last > 12) { set xtics autofreq }
if (n > 1) { unset rmargin }
if (n == 1) { set key inside right top horizontal }
plot for [i = 1:n] scratch.sprintf('/steps-%d.tsv', i) using 1:2 with lines linewidth 0.7 linecolor rgb faint(i) \
         title (n == 1 ? 'train, each step' : ''), \
     for [i = 1:n] scratch.sprintf('/curve-%d.tsv', i) using 1:2 with linespoints linewidth 1.6 linecolor rgb rgb(i) \
         pointtype 7 pointsize 0.5 title (n == 1 ? 'train' : label(i)), \
     for [i = 1:n] scratch.sprintf('/curve-%d.tsv', i) using 1:4 with linespoints linewidth 1.6 dashtype (12, 6) \
         linecolor rgb rgb(n == 1 ? 2 : i) pointtype 6 pointsize 0.5 title (n == 1 ? 'val' : ''), \
     NaN with lines linewidth 1.6 linecolor '#404040' title (n == 1 ? '' : 'train'), \
     NaN with lines linewidth 1.6 dashtype (12, 6) linecolor '#404040' title (n == 1 ? '' : 'val')
