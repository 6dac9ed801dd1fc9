# What all figures share. `format` is pdf or png, `scratch` the directory of the data that
# src/graph/figure prepared, `n` the number of curves or panels.
load scratch.'/choice.gp'
if (format eq 'pdf') {
    set terminal pdfcairo noenhanced size 17cm, 10.5cm font 'DejaVu Sans,10' linewidth 1.2 background '#ffffff'
} else {
    set terminal pngcairo noenhanced size 1285, 794 font 'DejaVu Sans,18' linewidth 2.2 background '#ffffff'
}
# Okabe and Ito's colours, which people with any colour vision tell apart; black is left to text.
array colour[7] = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#999999']
rgb(i) = colour[(i - 1) % 7 + 1]
faint(i) = '#'.(n == 1 ? 'a0' : 'd0').substr(rgb(i), 2, 7)
label(i) = word(labels, i)
set border 3 linecolor '#404040'
set tics nomirror out scale 0.6 textcolor '#202020'
set grid linecolor '#e4e4e4' linetype 1 linewidth 0.6
set key outside right top Left reverse samplen 1.8 spacing 1.15
