# Accuracy by one parameter, a curve for each combination of the others: test solid, val dashed.
set xlabel axis
set ylabel 'accuracy (share of clips)'
set yrange [0:1]
if (logarithmic) { set logscale x 2 }
set offsets graph 0.04, graph 0.04, 0, 0
if (n == 1) { set key inside right bottom horizontal }
plot for [i = 1:n] scratch.sprintf('/sweep-%d.tsv', i) using 1:3 with linespoints linewidth 1.6 linecolor rgb rgb(i) \
         pointtype 7 pointsize 0.7 title (n == 1 ? 'test' : label(i)), \
     for [i = 1:n] scratch.sprintf('/sweep-%d.tsv', i) using 1:2 with linespoints linewidth 1.6 dashtype (12, 6) \
         linecolor rgb rgb(n == 1 ? 2 : i) pointtype 6 pointsize 0.7 title (n == 1 ? 'val' : ''), \
     NaN with lines linewidth 1.6 linecolor '#404040' title (n == 1 ? '' : 'test'), \
     NaN with lines linewidth 1.6 dashtype (12, 6) linecolor '#404040' title (n == 1 ? '' : 'val')
