#!/bin/bash
# Figures: the same bytes twice, what they say, and when they are drawn again.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$top/tests/project.sh"
export STORE= # everything is made, nothing restored

one_run() {
    project
    small_make train_loss.pdf accuracy.pdf confusion_matrix.pdf
    pdftotext -layout plots/train_loss.pdf out
    for text in epoch 'loss (cross-entropy, nat)' train val 'train, each step'; do
        grep -qF "$text" out || return 1
    done
    pdftotext plots/accuracy.pdf out
    grep -qF 'accuracy (share of clips)' out
    pdftotext plots/confusion_matrix.pdf out
    for text in 'true class' 'predicted class'; do grep -qF "$text" out || return 1; done
    sha256sum plots/*.pdf plots/*.png >before
    rm plots/*.pdf plots/*.png
    sleep 1.1
    small_make train_loss.pdf accuracy.pdf confusion_matrix.pdf
    sha256sum --check --quiet before
}

several_runs() {
    project
    small_make plot FILTERS='2 3' EPOCHS='1 2'
    pdftotext plots/train_loss.pdf out
    grep -qx 'filters 2' out
    grep -qx 'filters 3' out
    pdftotext plots/sweep.pdf out
    grep -qx 'filters' out
    grep -qx 'epochs 2' out
    small_make -q plot FILTERS='2 3' EPOCHS='1 2'
    ! small_make -q plot FILTERS='2 3' EPOCHS='2'
}

check "one run: labels, units, the same bytes twice" one_run
check "several runs: the legend tells them apart; drawn again for another choice" several_runs
done_testing
