# bitfast: from raw sound to a trained audio classifier and its figures, the same bytes on every machine.
# `make` alone prints help. Every parameter is in params.mk, every step is a file of the graph.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-builtin-rules --warn-undefined-variables
.SUFFIXES:
.DEFAULT_GOAL := help
export LC_ALL := C

CC := gcc
CFLAGS := -O3
LDFLAGS :=
BUILD := build
BIN := bin
PARAMS :=
V := # V=1 prints the compiler's commands
# What steps have made is restored from there; several clones may share it; if empty nothing is kept.
STORE ?= data/.store
TARGET ?=
KEEP :=
PRUNE :=
ESC10_DIR ?=
# What may stand on the command line beside the parameters and NAME_DIR of a data set.
share_knobs := RUNS LOCK VERIFY_DIR REMOTE RCLONE_FLAGS KEEP GC
container_knobs := CONTAINER IMAGE TAG BASE APT_SOURCE BUILD_FLAGS RUN_FLAGS RUN_TARGET
knobs := PARAMS STORE TARGET PRUNE V CC CFLAGS LDFLAGS BUILD BIN ESC10_URL ESC50_URL $(share_knobs) $(container_knobs)

# OpenBLAS 0.3.21 takes its oldest kernels, several times slower, on a processor younger than itself.
openblas_core = $(shell awk '/^flags/ { print / avx512bw / ? "SkylakeX" : / avx2 / ? "Haswell" : ""; exit }' /proc/cpuinfo)
quote = '$(subst ','\'',$1)'

# --- What a user types --------------------------------------------------------------------------------------------
.PHONY: help deps data prepare train test plot local_train sweep summary why dag build check check-deps check-esc10
.PHONY: check-bare torture bench lint clean prune FORCE
help: ## this text
	@awk -f src/graph/help.awk Makefile params.mk

deps: ## install the Debian packages that the pipeline needs (src/packages.txt)
	@src/graph/install-packages src/packages.txt
data: ## make or fetch the data set, and list its clips
prepare: ## log-mel spectrograms of every fold that is used
train: ## train: an epoch is a file
test: ## score the models on their test folds
plot: ## all figures: plots/*.pdf and *.png
local_train: ## all of it, for every combination of the parameters; ends in a summary
sweep: ## the same as local_train: lists of values make a table and a figure
summary: ## print the summary or the table again
prune: ## epochs neither among the KEEP_BEST best nor a run's last: lists them; with PRUNE=yes removes them
train_loss.pdf: ## loss by step and epoch; also accuracy.pdf, confusion_matrix.pdf, sweep.pdf
runs: ## the table of results/ (FILTER='val_acc>0.7' SORT= REVERSE=yes TOP= COLUMNS= GROUP_BY= FORMAT=)
tag: ## name a run: RUN=ID NAME=baseline NOTE="..."
tags: ## the runs that have names, and the notes
untag: ## take a name away: NAME=; the run stays
checkout: ## put a run's model where you say: RUN=ID TO=FILE
metrics: ## compare committed metrics: REVS="baseline HEAD"; . is the files as they are
why: build ## what a make would do, and why: TARGET=FILE, or local_train; makes nothing but the tools
	@MAKE='$(MAKE)' BIN=$(BIN) STORE=$(call quote,$(STORE)) PATH=$(call quote,$(BIN):$(PATH)) \
	    src/graph/why $(or $(TARGET),local_train)
dag: ## the graph by stage and by file; plots/dag.svg too where graphviz is installed
	@{ $(MAKE) --no-print-directory -pq local_train 2>&1 || true; } | awk -f src/graph/dag.awk
	@if command -v dot >/dev/null; then dot -Tsvg -o plots/dag.svg plots/dag.dot; echo; echo plots/dag.svg; fi
build: ## the tools, into bin/
check-deps: ## install what only the tests need (tests/packages.txt)
	@src/graph/install-packages tests/packages.txt
check: build check-deps ## the project's own tests
	@$(MAKE) --no-print-directory $(BUILD)/venv/safetensors $(BUILD)/venv/moto $(BUILD)/tests/fault_injector \
	    $(test_programs)
	@env -u MAKEFLAGS -u MAKELEVEL PYTHON=$(BUILD)/venv/bin/python3 prove --exec tests/run $(tests) $(test_programs)
check-esc10: build check-deps ## features and accuracy on all of ESC-10 (ESC10_DIR=FOLDER)
	@$(MAKE) --no-print-directory $(BUILD)/venv/safetensors
	@PYTHON=$(BUILD)/venv/bin/python3 tests/run tests/features.py $(call quote,$(ESC10_DIR))
	@env -u MAKEFLAGS -u MAKELEVEL ESC10_DIR=$(call quote,$(ESC10_DIR)) tests/run tests/esc10.sh
check-bare: ## the README's commands on a bare Debian 12, made for it (as root, with mmdebstrap)
	@tests/run tests/bare.sh
torture: build check-deps $(BUILD)/tests/fault_injector ## 1,000 kills; each write failing (hours; KILLS=, WRITES=)
	@env -u MAKEFLAGS -u MAKELEVEL KILLS=$${KILLS-1000} WRITES=$${WRITES-all} prove --verbose --exec tests/run \
	    tests/kill.sh tests/write_failures.sh tests/concurrent.sh tests/clock.sh
bench: build $(BUILD)/tests/bench_kernels ## times in one table, beside PyTorch's (PYTHON=, BENCH_REPEATS=5, ESC10_DIR=)
	@env -u MAKEFLAGS -u MAKELEVEL OPENBLAS_CORETYPE=$${OPENBLAS_CORETYPE-$(openblas_core)} \
	    ESC10_DIR=$(call quote,$(ESC10_DIR)) tests/run tests/bench_report.sh
lint: ## static analysis of the sources
	cppcheck --quiet --error-exitcode=1 --enable=warning,portability $(cppcheck_wrong) -Iinclude -Isrc src
	clang -fsyntax-only $(contract) $(warnings) -Werror -Iinclude -Isrc $(wildcard src/*.c src/tool/*.c src/reference/*.c)
	clang-tidy --quiet --checks='$(tidy_checks)' --warnings-as-errors='*' $(wildcard src/*.c src/tool/*.c) \
	    -- $(contract) -Iinclude -Isrc
	shellcheck --severity=warning $(filter-out %.awk,$(wildcard src/graph/* src/container/* src/share/*)) tests/run
# It does not see that die() never returns, that error_set() never returns 0, nor what a vector type is.
cppcheck_wrong := --suppress=ctuuninitvar --suppress=ctunullpointer --suppress=nullPointerRedundantCheck \
    --suppress=nullPointerArithmeticRedundantCheck \
    --suppress=uninitvar:src/kernel/vector.h --suppress=ctuArrayIndex:src/kernel/winograd.c
tidy_checks := -*,bugprone-suspicious-*,-bugprone-suspicious-memory-comparison,bugprone-macro-*,bugprone-infinite-loop
clean: ## remove what build made (build/, bin/); data, results and figures stay
	rm -rf $(BUILD) $(BIN)

# --- The table of runs --------------------------------------------------------------------------------------------
.PHONY: runs tag tags untag checkout metrics
table_goals := runs tag tags untag checkout metrics
# What they take; none comes from the environment, where COLUMNS is the terminal's width.
table_knobs := FILTER SORT REVERSE TOP COLUMNS ONLY_CHANGED GROUP_BY FORMAT RUN NAME NOTE TO FORCE REVS
$(foreach name,$(table_knobs),$(eval $(name) :=))
FORMAT := text
ifneq ($(filter $(table_goals),$(MAKECMDGOALS)),)
knobs += $(table_knobs)
$(foreach name,$(filter-out $(knobs),$(foreach name,$(.VARIABLES),$(if $(filter command,$(origin $(name))),$(name)))),\
    $(if $(filter-out $(table_goals),$(MAKECMDGOALS)),,$(error $(name): make $(MAKECMDGOALS) has no such parameter; it \
    takes $(table_knobs))))
endif
# $(call given_option,NAME,OPTION): OPTION with the value of NAME, if that was given.
given_option = $(if $($1),$2=$(call quote,$($1)))
yes_option = $(if $(filter-out no,$($1)),$2)
needed = $(if $($1),,$(error $1: is missing, as in $2))
table_options = $(call given_option,FORMAT,--format) $(call given_option,COLUMNS,--columns) \
    $(call yes_option,ONLY_CHANGED,--only-changed)
runs: $(BIN)/runs
	@$(if $(wildcard results/*),,echo 'make: results/ holds no run yet; make local_train makes one' >&2; exit 1)
	@$(BIN)/runs $(table_options) $(call given_option,FILTER,--filter) $(call given_option,GROUP_BY,--group-by) \
	    $(call given_option,SORT,--sort) $(call yes_option,REVERSE,--reverse) $(call given_option,TOP,--top) results
	@$(if $(filter text,$(FORMAT)),printf '%s\n' '' \
	    "next     make runs SORT=val_acc REVERSE=yes TOP=10   # or FILTER='filters=16' GROUP_BY=seed FORMAT=csv" \
	    '         bin/runs show ID                            # all that is known of a run' \
	    '         bin/runs diff ID ID                         # where two runs differ' \
	    '         make tag RUN=ID NAME=baseline               # then make checkout RUN=baseline TO=model.safetensors')
tag: $(BIN)/runs-tag
	$(call needed,RUN,make tag RUN=1f3a NAME=baseline)$(call needed,NAME,make tag RUN=1f3a NAME=baseline)
	@$(BIN)/runs-tag $(call yes_option,FORCE,--force) $(call given_option,NOTE,--note) -- $(call quote,$(NAME)) \
	    $(call quote,$(RUN))
tags: $(BIN)/runs-tag
	@$(BIN)/runs-tag $(call given_option,FORMAT,--format)
untag: $(BIN)/runs-tag
	$(call needed,NAME,make untag NAME=baseline)
	@$(BIN)/runs-tag --remove=$(call quote,$(NAME))
checkout: $(BIN)/runs-checkout
	$(call needed,RUN,make checkout RUN=baseline TO=FILE)$(call needed,TO,make checkout RUN=baseline TO=FILE)
	@$(BIN)/runs-checkout $(call yes_option,FORCE,--force) -- $(call quote,$(RUN)) $(call quote,$(TO))
metrics: $(BIN)/compare-metrics
	@PATH=$(call quote,$(abspath $(BIN))):$$PATH src/graph/metrics $(table_options) \
	    $(foreach revision,$(or $(REVS),HEAD .),$(call quote,$(revision)))

# --- Parameters ---------------------------------------------------------------------------------------------------
container_goals := image run run_cli image.sif packages check-container
# Only goals that need them read them, so that `make help` works whatever was given.
pipeline_goals := $(filter-out gc help deps build check check-deps check-esc10 check-bare torture bench lint clean \
    why dag $(table_goals) $(container_goals) $(BIN)/% $(BUILD)/%,$(MAKECMDGOALS))
ifneq ($(pipeline_goals),)

# $(call field,NAME,WORD): the value of NAME in one of the words that src/graph/experiments.awk prints.
field = $(patsubst $1=%,%,$(filter $1=%,$(subst ;, ,$2)))
of_kind = $(filter kind=$1;%,$(experiments))
set = $(subst +, ,$1)

ifneq ($(PARAMS),)
  $(if $(wildcard $(PARAMS)),,$(error PARAMS: no file '$(PARAMS)'))
  include $(PARAMS)
endif
include params.mk
parameters := $(shell sed -n 's/^\([A-Z_]*\) *?=.*/\1/p' params.mk)
given := $(foreach name,$(.VARIABLES),$(if $(filter command,$(origin $(name))),$(name)))
experiments := $(shell $(foreach name,$(parameters),$(name)=$(call quote,$(value $(name)))) KNOWN='$(knobs)' \
    GIVEN=$(call quote,$(given)) awk -f src/graph/experiments.awk params.mk $(PARAMS))
$(if $(filter ok,$(firstword $(experiments))),,$(error $(experiments)))

ifneq ($(filter openblas,$(ENGINE)),)
  export OPENBLAS_CORETYPE ?= $(openblas_core)
endif

# --- The graph ----------------------------------------------------------------------------------------------------
# Every file is made by bin/step: whole or absent, and only if its tool, inputs or command have other bytes. It is no
# input itself (behind the bar of each rule). The tools are found in $(BIN): the commands are those that one would type.
export PATH := $(BIN):$(PATH)
export BIN STORE
selected := $(call of_kind,selection)
export THREADS := $(call field,THREADS,$(selected))
step := $(BIN)/step
detail := src/graph/detail
inputs = $(filter-out FORCE,$^)

$(shell src/graph/old-times)
data_sets := $(foreach word,$(call of_kind,data),$(call field,name,$(word)))
folder_of = $(if $(filter undefined,$(origin $1)),,$($1))
changed := $(shell src/graph/changed-data $(foreach word,$(call of_kind,data),\
    $(call field,name,$(word)) $(call quote,$(call folder_of,$(call field,variable,$(word))))))

# Data: the folder of sound files, the list of its clips with the digest of each, and the part of every fold.
# $1 word, $2 data set, $3 folder given by the user
define data_rules
data: data/prepared/$2/clips.tsv
data/$2.origin.txt: $(if $(filter demo:,$2:$3),$(BIN)/synth-clips) $(if $(filter $2.origin,$(changed)),FORCE) | $(step)
	@$(step) --no-store --again='$(if $(filter $2.origin,$(changed)),data/$2 is not what it was made as)' \
	    $$@ $(call quote,src/graph/get-data $2 $(call quote,$3)) $$(inputs)
data/prepared/$2/clips.tsv: data/$2.origin.txt $(BIN)/list-clips $(if $(filter $2.clips,$(changed)),FORCE) | $(step)
	@$(step) --no-store --again='$(if $(filter $2.clips,$(changed)),a file in data/$2 is newer)' \
	    --say='data|$2' --detail='$(detail) clips $$@' $$@ 'list-clips --sha256 --threads=$$$$threads data/$2' $$(inputs)
data/prepared/$2/classes.tsv: data/prepared/$2/clips.tsv | $(step)
	@$(step) $$@ 'awk -f src/graph/classes.awk $$<' $$(inputs)
$(foreach fold,$(call set,$(call field,folds,$1)),$(call manifest_rule,$2,$(fold)))
endef
# $1 data set, $2 fold
define manifest_rule
data/prepared/$1/fold-$2.tsv: data/prepared/$1/clips.tsv | $(step)
	@$(step) $$@ 'awk -v fold=$2 -f src/graph/fold.awk $$<' $$(inputs)

endef
$(foreach word,$(call of_kind,data),$(eval $(call \
    data_rules,$(word),$(call field,name,$(word)),$(call folder_of,$(call field,variable,$(word))))))

# Features: a fold is the unit of preparation.
decode_command = decode-audio --root=data/$(call field,DATASET,$1) --sample-rate=$(call field,SAMPLE_RATE,$1) \
    --clip-seconds=$(call field,CLIP_SECONDS,$1) --threads=$$$$threads
log_mel_command = log-mel --sample-rate=$(call field,SAMPLE_RATE,$1) --n-fft=$(call field,N_FFT,$1) \
    --hop-length=$(call field,HOP_LENGTH,$1) --n-mels=$(call field,N_MELS,$1) --top-db=$(call field,TOP_DB,$1) \
    --threads=$$$$threads
fold_files = $(foreach fold,$(call set,$(call field,$1,$2)),$3/fold-$(fold).npy)
folds := $(foreach word,$(call of_kind,features),$(call fold_files,folds,$(word),$(call field,dir,$(word))))
# $1 word, $2 directory, $3 fold, $4 data set
define fold_rule
prepare: $2/fold-$3.npy
$2/fold-$3.npy: data/prepared/$4/fold-$3.tsv $(BIN)/decode-audio $(BIN)/log-mel | $(step)
	@$(step) --share=$(words $(folds)) --say='prepare|$4 fold $3' --detail='$(detail) clips data/prepared/$4/fold-$3.tsv' \
	    $$@ '$(call decode_command,$1) < $$< | $(call log_mel_command,$1)' $$(inputs)

endef
$(foreach word,$(call of_kind,features),$(foreach fold,$(call set,$(call field,folds,$(word))),$(eval $(call \
    fold_rule,$(word),$(call field,dir,$(word)),$(fold),$(call field,DATASET,$(word))))))

# Training: epoch-004 is made from epoch-003. All folds come first, so that nothing else competes for the cores.
init_command = init-model --filters=$(call field,FILTERS,$1) --classes=$$< --seed=$(call field,SEED,$1) \
    --sample-rate=$(call field,SAMPLE_RATE,$1) --clip-seconds=$(call field,CLIP_SECONDS,$1) \
    --n-fft=$(call field,N_FFT,$1) --hop-length=$(call field,HOP_LENGTH,$1) --n-mels=$(call field,N_MELS,$1) \
    --top-db=$(call field,TOP_DB,$1)
stops = $(filter-out 0,$(call field,PATIENCE,$1))
stopping_options = $(if $(call stops,$1),--patience=$(call field,PATIENCE,$1) --min-delta=$(call field,MIN_DELTA,$1) \
    --monitor=$(call field,MONITOR,$1) --mode=$(call field,MODE,$1))
train_command = train-epoch --batch-size=$(call field,BATCH_SIZE,$1) --learning-rate=$(call field,LEARNING_RATE,$1) \
    --engine=$(call field,ENGINE,$1) $(strip $(call stopping_options,$1) --threads=$$$$threads) $$$$quiet \
    $(addprefix --validation=,$3) $2
what = $(strip $(if $(findstring dataset:,$(call field,label,$1)),,$(call field,DATASET,$1)) \
    $(subst :, ,$(subst $(comma),$(comma) ,$(patsubst -,,$(call field,label,$1)))))
comma := ,
# $1 word, $2 directory
define training_rule
train: $2/epoch-$(lastword $(subst :, ,$(call field,epochs,$1))).safetensors
$2/epoch-000.safetensors: data/prepared/$(call field,DATASET,$1)/classes.tsv $(BIN)/init-model | $(step)
	@$(step) $$@ '$(call init_command,$1)' $$(inputs)
endef
# $1 word, $2 directory, $3 epoch, $4 epoch before, $5 training folds, $6 validation folds
define epoch_rule
$2/epoch-$3.safetensors: $2/epoch-$4.safetensors $5 $6 $(BIN)/train-epoch | $(step) $(folds) $(BIN)/checkpoint-log
	@$(step) --share=$(words $(trainings)) --say='train|$(call what,$1) epoch $3' --detail='$(detail) metrics $$@' \
	    $$@ '$(call train_command,$1,$5,$6) < $$<' $$(inputs)
endef
trainings := $(call of_kind,training)
pair_rule = $(call epoch_rule,$1,$(call field,dir,$1),$(word 2,$2),$(word 1,$2),$(call \
    fold_files,FOLDS_TRAIN,$1,$(call field,features,$1)),$(call fold_files,FOLDS_VAL,$1,$(call field,features,$1)))
$(foreach word,$(trainings),$(eval $(call training_rule,$(word),$(call field,dir,$(word))))$(foreach \
    pair,$(call set,$(call field,epochs,$(word))),$(eval $(call pair_rule,$(word),$(subst :, ,$(pair))))))

# $(call range,EPOCHS): consecutive epochs of a training as the shell's {001..004}, because hundreds of their names are
# longer than a command may be. Three digits each, or as many as it takes.
epoch_number = $(patsubst epoch-%.safetensors,%,$(notdir $1))
range = $(if $(word 2,$1),$(call range_of,$1,$(wordlist 2,$(words $1),$1)),$1)
range_of = $(dir $(firstword $1))epoch-{$(call epoch_number,$(firstword $1))..$(if \
    $(filter %/epoch-1000.safetensors,$2),999}.safetensors $(dir $(firstword $1))epoch-{1000..)$(call \
    epoch_number,$(lastword $1))}.safetensors

# A run: the first epochs of a training, scored on its test folds.
kept = $(filter-out THREADS KEEP_BEST $(if $(call stops,$1),,PATIENCE MIN_DELTA MONITOR MODE),$(parameters))
parameters_command = printf '%s\n' $(foreach name,$(call kept,$1),'$(name) = $(call set,$(call field,$(name),$1))')
record_command = run-record --name=$(patsubst results/%,%,$2) --log=$2/log.csv --scores=$2/test_scores.json \
    $(foreach name,$(call kept,$1),$(name)=$(call field,$(name),$1)) \
    $(if $(call stops,$1),$$$$(checkpoint-log --stopping $3))
# The record says from which bytes a run was made and by what, the environment where and when, once for each record.
recorded := parameters.mk log.csv steps.csv predictions.tsv test_scores.json classes.tsv confusion.tsv roc.tsv run.tsv
steps_command = run-steps --run=$(patsubst results/%,%,$2) --parameters=$2/parameters.mk \
    --data=data/prepared/$(call field,DATASET,$1)/clips.tsv $(recorded:%=$2/%) $4
export TYPED := make $(MAKECMDGOALS) $(foreach name,$(given),$(name)=$(if $(filter 1,$(words \
    $(value $(name)))),$(value $(name)),"$(value $(name))"))
# $1 word, $2 directory, $3 its epochs, $4 its last epoch, $5 a run whose logs it goes on from, if epochs were pruned
define run_rule
test: $2/test_scores.json $2/environment.json
$2/parameters.mk: | $(step)
	@$(step) $$@ $(call quote,$(call parameters_command,$1))
$(call field,training,$1)/epoch-000.safetensors: | $2/parameters.mk # a run that was interrupted shows
$2/log.csv: $(5:%=%/log.csv) $3 $(BIN)/checkpoint-log | $(step)
	@$(step) $$@ '$(strip checkpoint-log $(5:%=--after=%/log.csv) $(call range,$3))' $(5:%=%/log.csv) $(call range,$3) \
	    $(BIN)/checkpoint-log
$2/steps.csv: $(5:%=%/steps.csv) $3 $(BIN)/checkpoint-log | $(step)
	@$(step) $$@ '$(strip checkpoint-log --steps $(5:%=--after=%/steps.csv) $(call range,$3))' $(5:%=%/steps.csv) \
	    $(call range,$3) $(BIN)/checkpoint-log
$2/predictions.tsv: $4 $(call fold_files,FOLDS_TEST,$1,$(call field,features,$1)) $(BIN)/predict | $(step)
	@$(step) --share=$(words $(runs)) $$@ \
	    'predict --engine=$(call field,ENGINE,$1) --threads=$$$$threads $$(filter %.npy,$$^) < $$<' $$(inputs)
$2/test_scores.json: $2/predictions.tsv $(BIN)/score | $(step)
	@$(step) --say='test|$(call what,$1)' --detail='$(detail) scores $$@' $$@ 'score < $$<' $$(inputs)
$2/classes.tsv $2/confusion.tsv $2/roc.tsv: $2/%.tsv: $2/predictions.tsv $(BIN)/score | $(step)
	@$(step) $$@ 'score --table=$$* < $$<' $$(inputs)
$2/run.tsv: $2/log.csv $2/test_scores.json $(BIN)/run-record $(if $(call stops,$1),$4 $(BIN)/checkpoint-log) | $(step)
	@$(step) $$@ '$(strip $(call record_command,$1,$2,$4))' $$(inputs)
$2/record.json: $(recorded:%=$2/%) $4 $(BIN)/run-steps | $(step)
	@$(step) --always $$@ '$(call steps_command,$1,$2,$3,$4)' $$(inputs)
$2/code.diff: $2/record.json | $(step) src/graph/code
	@$(step) $$@ 'src/graph/code diff' $$(inputs)
$2/environment.json: $2/record.json $2/code.diff | $(step) $(BIN)/run-environment src/graph/environment
	@$(step) $$@ 'src/graph/environment $2' $$(inputs)
$2/times.tsv: $2/predictions.tsv $2/log.csv | $(step)
	@$(step) $$@ 'awk -v log_csv=$2/log.csv -f src/graph/times.awk $(dir $4).made/times $2/.made/times' $$(inputs)
$2/summary.txt: $2/run.tsv $2/log.csv $2/test_scores.json $4 src/graph/summary | $(step) $(run_files:%=$2/%) $(figures)
	@$(step) $(show_summary) $$@ 'src/graph/summary $2 $4' $$(inputs)
endef
runs := $(call of_kind,run)
run_directories := $(foreach word,$(runs),$(call field,dir,$(word)))
run_files := times.tsv environment.json
several := $(filter-out 1,$(words $(runs)))
show_summary := $(if $(several),,--show)
figures := $(foreach figure,train_loss accuracy confusion_matrix $(if $(several),sweep),\
    plots/$(figure).pdf plots/$(figure).png)
epoch_files = $(patsubst %,$(call field,training,$1)/epoch-%.safetensors,$(call set,$(call field,epochs,$1)))
# What was pruned is not made again, only because it is missing. The log of a longer run goes on from that of a shorter.
training_directories := $(foreach word,$(trainings),$(call field,dir,$(word)))
pruned := $(foreach directory,$(training_directories),$(if $(wildcard $(directory)/.made/pruned),$(addprefix \
    $(directory)/,$(file <$(directory)/.made/pruned))))
ifneq ($(pruned),)
.SECONDARY: $(pruned)
endif
logged = $(if $(wildcard $2/log.csv),,$(if $(filter $(call field,training,$1)/%,$(pruned)),$(shell \
    src/graph/best-epochs logged $(call field,EPOCHS,$1) $2)))
# $1 word, $2 directory, $3 its epochs, $4 the run to go on from and its number of epochs
first_new = $(if $4,$(words $(wordlist 1,$(word 2,$4),$3) +),1)
run_of_epochs = $(call run_rule,$1,$2,$(wordlist $(first_new),$(words $3),$3),$(lastword $3),$(firstword $4))
$(foreach word,$(runs),$(eval $(call run_of_epochs,$(word),$(call field,dir,$(word)),$(call \
    epoch_files,$(word)),$(call logged,$(word),$(call field,dir,$(word))))))

# The best epochs of a training once more in best/, and what else goes; only if asked for.
best_choice := $(call field,KEEP_BEST,$(selected)) $(foreach \
    name,MONITOR MODE,$(call field,$(name),$(firstword $(trainings))))
$(if $(filter-out yes no,$(PRUNE)),$(error PRUNE: found '$(PRUNE)', expected yes or no))
# `make gc` takes another KEEP.
keep := $(if $(filter gc,$(MAKECMDGOALS)),,$(KEEP))
$(if $(filter-out best,$(keep)),$(error KEEP: found '$(keep)', expected best))
$(if $(and $(keep),$(filter 0,$(firstword $(best_choice)))),$(error \
    KEEP=best: KEEP_BEST says how many, expected at least 1))
# $1 directory, $2 its longest run
define best_rule
local_train sweep test: $1/best/epochs.tsv
$1/best/epochs.tsv: $2/log.csv $(if $(filter $1,$(stale_best)),FORCE) | $(step)
	@$(step) --no-store --again='$(if $(filter $1,$(stale_best)),best/ holds others)' --say='keep|best/' \
	    --detail='echo $(firstword $(best_choice)) best by $(word 2,$(best_choice)), and the last' \
	    $$@ 'src/graph/best-epochs link $(best_choice) $1' $$(inputs)
local_train sweep: $(if $(keep),$1/.made/kept)
$1/.made/kept: $2/log.csv $(if $(filter $1,$(prunable)),FORCE) | $1/best/epochs.tsv $(run_directories:%=%/summary.txt) \
    $(if $(several),$(dir $(table))times.tsv)
	@src/graph/best-epochs prune $(best_choice) yes $1
	@touch $$@
endef
ifneq ($(firstword $(best_choice)),0)
stale_best := $(shell src/graph/best-epochs stale $(best_choice) $(training_directories))
prunable := $(if $(keep),$(shell src/graph/best-epochs prunable $(best_choice) $(training_directories)))
endif
prune:
	@src/graph/best-epochs prune $(best_choice) $(or $(PRUNE),no) $(training_directories)

# Several runs: the table of their records.
table := results/sweeps/$(call field,name,$(selected))/table.tsv
$(table): $(run_directories:%=%/run.tsv) $(BIN)/runs | $(step)
	@$(step) $@ 'runs --format=tsv $(run_directories)' $(inputs)
# Made last, and shown when it is.
$(dir $(table))times.tsv: $(table) | $(step) $(run_directories:%=%/summary.txt) $(figures)
	@$(step) $@ 'runs --format=tsv --columns=run,seconds $(run_directories)' $(inputs)
	@src/graph/table $(table) $(run_directories)

ifneq ($(firstword $(best_choice)),0)
$(foreach word,$(trainings),$(eval $(call best_rule,$(call field,dir,$(word)),$(call field,longest_run,$(word)))))
endif

# Figures depend on the files that they show and on the choice of runs. Its name is part of their command: while another
# make chooses other runs, a figure is refused, and one of the other choice is drawn again.
choice := $(call field,name,$(selected))
selection := choice $(choice) - \
             $(foreach word,$(trainings),training $(call field,longest_run,$(word)) $(call field,label,$(word))) \
             $(foreach word,$(runs),run $(call field,dir,$(word)) $(call field,label,$(word)))
ifneq ($(strip $(file <plots/selection.txt)),$(strip $(selection)))
plots/selection.txt: FORCE
endif
plots/selection.txt: | $(step)
	@$(step) $@ "printf '%s %s %s\n' $(selection)"
longest_runs := $(foreach word,$(trainings),$(call field,longest_run,$(word)))
shown_train_loss := $(longest_runs:%=%/log.csv) $(longest_runs:%=%/steps.csv)
shown_accuracy := $(longest_runs:%=%/log.csv)
shown_confusion_matrix := $(run_directories:%=%/confusion.tsv)
shown_sweep := $(table)
define figure_rule
.PHONY: $1.pdf
$1.pdf: plots/$1.pdf plots/$1.png
plots/$1.pdf plots/$1.png: plots/$1.%: plots/$1.gp plots/style.gp src/graph/figure plots/selection.txt $(shown_$1) \
    | $(step)
	@$(step) $$@ 'src/graph/figure $1 $$* $(choice) $(if $(filter sweep,$1),$(table))' $$(inputs)
$(foreach format,pdf png,$(if $(findstring $1 $(format) $(choice) ,$(file <plots/.made/$1.$(format))),,\
    plots/$1.$(format): FORCE
))
endef
$(foreach figure,train_loss accuracy confusion_matrix sweep,$(eval $(call figure_rule,$(figure))))

plot: $(figures)
summary: $(run_directories:%=%/summary.txt) $(if $(several),$(table))
	@$(if $(several),src/graph/table $(table) $(run_directories),cat $^)
local_train sweep: $(run_directories:%=%/summary.txt) $(if $(several),$(dir $(table))times.tsv)

endif

# --- Lock, verify, share ------------------------------------------------------------------------------------------
# What they do is in src/share/. RUNS names runs by tag or by how they begin; "selected" stands for those of the parameters.
.PHONY: lock verify name-runs push pull gc
RUNS :=
LOCK := bitfast.lock
VERIFY_DIR := $(BUILD)/verify
REMOTE :=
RCLONE_FLAGS :=
GC :=
ifneq ($(filter lock verify push pull gc,$(MAKECMDGOALS)),)
export CC CFLAGS LDFLAGS BUILD STORE REMOTE RCLONE_FLAGS
# $(call chosen,WORDS): the runs that these words of RUNS name, each quoted.
chosen = $(foreach name,$(filter-out selected,$1),$(call quote,$(name))) \
    $(if $(filter selected,$1),$(foreach run,$(run_directories),$(call quote,$(run))))
endif
lock: ## the digests of all runs (RUNS= of some) into bitfast.lock, which belongs in git
	@src/share/lock $(call quote,$(LOCK)) $(call chosen,$(RUNS))
verify: build ## all of bitfast.lock (RUNS= some) made again from the raw data, every byte compared
	@MAKE=$(call quote,$(MAKE)) src/share/verify $(call quote,$(LOCK)) $(call quote,$(VERIFY_DIR)) $(call chosen,$(RUNS))
push: ## what RUNS= (all; data) were made of to REMOTE=: a directory, sftp://, or what rclone takes
	@src/share/push $(call chosen,$(RUNS))
pull: ## the same from REMOTE=, checked, and in place as if made here
	@src/share/pull $(call chosen,$(RUNS))
gc: ## list what no run needs, also checkpoints beyond KEEP="best 3 val_loss, last 5, tagged"; GC=yes removes it
	@src/share/gc $(call quote,$(KEEP)) $(call quote,$(GC))
name-runs:
	@printf '%s\n' $(run_directories)

# --- Container ----------------------------------------------------------------------------------------------------
# The engine itself is asked for the image, whose tag is a digest of its sources; src/container/ does the work.
.PHONY: image run run_cli image.sif packages check-container
CONTAINER ?=
IMAGE ?= bitfast
TAG ?=
BASE ?=
APT_SOURCE ?=
BUILD_FLAGS ?=
RUN_FLAGS ?=
RUN_TARGET ?= local_train
ifneq ($(filter $(container_goals),$(MAKECMDGOALS)),)
export CONTAINER IMAGE TAG BASE APT_SOURCE BUILD_FLAGS RUN_FLAGS
# What was given on the command line, or as a parameter in the environment; not what only concerns the host.
passed_on := $(filter-out $(container_knobs) CC CFLAGS LDFLAGS BUILD BIN,$(foreach \
    name,$(.VARIABLES),$(if $(filter command,$(origin $(name))),$(name))) $(foreach \
    name,$(shell sed -n 's/^\([A-Z_]*\) *?=.*/\1/p' params.mk),$(if $(filter environment,$(origin $(name))),$(name))))
endif
image: ## the pinned container, with docker or podman (CONTAINER=)
	@src/container/image
run: ## the pipeline in the container; RUN_TARGET=sweep or another target
	@src/container/run $(call quote,$(RUN_TARGET)) $(foreach name,$(passed_on),$(call quote,$(name)=$(value $(name))))
run_cli: ## a shell in the container
	@src/container/run ''
packages: ## the versions of all packages in the container
	@src/container/packages
image.sif: ## the container as a file for Apptainer
	@src/container/sif $@
check-container: ## the tests of the container, which need both engines and several minutes
	@src/graph/install-packages tests/packages-container.txt
	@env -u MAKEFLAGS -u MAKELEVEL prove --exec bash tests/container.sh

# --- Build --------------------------------------------------------------------------------------------------------
# src/*.c are modules (one archive), src/kernel/*.c are compiled once per instruction set, src/reference/*.c are the
# plain kernels that only tests use, src/tool/NAME.c becomes bin/NAME, tests/NAME.c becomes build/tests/NAME.
warnings := -Wall -Wextra -Wconversion -Wno-sign-conversion -Wshadow -Wstrict-prototypes
# The arithmetic contract: no contraction, nothing reordered; every fused operation is written. Nobody reads errno or the
# exception flags; without them more loops become vectors, of the same values.
contract := -std=c11 -D_POSIX_C_SOURCE=200809L -ffp-contract=off -fno-math-errno -fno-trapping-math
# $(call brief,WORD,FILE): puts one short line in the command's place.
brief = $(if $(strip $(V)),,@printf '%-9s %s\n' $1 $2 &&)
# What was killed or found no space leaves no object behind that make would believe.
compile = $(call brief,compile,$<) $(CC) $(contract) $(warnings) $(CFLAGS) -Iinclude -Isrc -MMD -MP \
    -MT $@ -MF $@.d.part -c -o $@.part $<
move_compiled = mv $@.d.part $(@:.o=.d) && mv $@.part $@
# $(call unless_same,COMMAND,FILES): not if the file and all that it is made of have the bytes that they had when it was
# made, so that sources may be touched or copied; else the command, and then the digests of these files.
unless_same = $(if $(shell sha256sum --status --check $(sums) 2>/dev/null && echo same),@touch $@,$1 && \
    sha256sum -- $@ $2 >$(sums).part && mv $(sums).part $(sums))
sums = $(@:$(BIN)/%=$(BUILD)/tool/%).sum
# The sources that the compiler said it read: the first rule of what it wrote for make.
read_sources = $(BUILD)/flags.txt $$(sed 's/^[^ ]*: //; /[^\\]$$/q; s/\\$$//' $(@:.o=.d))
link = $(CC) $(CFLAGS) $(LDFLAGS) -Wl,--as-needed
libraries := -lsndfile -lsoxr -lfftw3 -ljansson -lcsv -lcrypto -lm -pthread

# The kernels' sets are those of the compiler's target; of this machine as long as the compiler is not yet installed.
architecture := $(or $(firstword $(subst -, ,$(shell $(CC) -dumpmachine 2>/dev/null))),$(shell uname -m))
kernel_sets_x86_64 := avx2 avx512
kernel_sets_aarch64 := neon
kernel_sets := baseline $(if $(filter x86_64 aarch64,$(architecture)),$(kernel_sets_$(architecture)))
kernel_flags_baseline := -O3
kernel_flags_avx2 := -O3 -mavx2 -mfma
kernel_flags_avx512 := -O3 -mavx512f -mavx512vl -mavx512dq -mavx512bw -mavx2 -mfma -mprefer-vector-width=512
kernel_flags_neon := -O3 -DKERNEL_NEON

tools := $(patsubst src/tool/%.c,$(BIN)/%,$(sort $(wildcard src/tool/*.c)))
kernels := $(patsubst src/kernel/%.c,%,$(sort $(wildcard src/kernel/*.c)))
modules := $(patsubst src/%.c,$(BUILD)/%.o,$(sort $(wildcard src/*.c))) \
           $(foreach set,$(kernel_sets),$(kernels:%=$(BUILD)/kernel/$(set)/%.o))
references := $(patsubst src/%.c,$(BUILD)/%.o,$(sort $(wildcard src/reference/*.c)))
test_programs := $(patsubst tests/%.c,$(BUILD)/tests/%,$(filter-out tests/bench_% tests/fault_injector.c,\
    $(sort $(wildcard tests/*.c))))

.SECONDARY: $(tools:$(BIN)/%=$(BUILD)/tool/%.o) $(test_programs:=.o) $(references) # kept, although only rules of patterns name them
build: $(tools)

# Another compiler or other flags compile everything again.
flags := $(CC) $(contract) $(warnings) $(CFLAGS) $(LDFLAGS) $(foreach set,$(kernel_sets),$(kernel_flags_$(set)))
ifneq ($(strip $(file <$(BUILD)/flags.txt)),$(strip $(flags)))
$(BUILD)/flags.txt: FORCE
endif
$(BUILD)/flags.txt:
	@mkdir -p $(@D)
	@echo '$(flags)' > $@

$(BUILD)/%.o: src/%.c $(BUILD)/flags.txt
	@mkdir -p $(@D)
	$(call unless_same,$(compile) && $(move_compiled),$(read_sources))

define kernel_rule
$(BUILD)/kernel/$1/%.o: src/kernel/%.c $(BUILD)/flags.txt
	@mkdir -p $$(@D)
	$$(call unless_same,$$(compile) $$(kernel_flags_$1) -DKERNEL_SET=$1 && $$(move_compiled),$$(read_sources))
endef
$(foreach set,$(kernel_sets),$(eval $(call kernel_rule,$(set))))

$(BUILD)/libbitfast.a: $(modules)
	@rm -f $@.part
	$(call brief,archive,$@) ar rcsD $@.part $^
	@mv $@.part $@

# `runs show` is a tool of its own, and so are the others.
$(BIN)/runs: | $(patsubst src/tool/%.c,$(BIN)/%,$(wildcard src/tool/runs-*.c))
# Only the libraries that a tool needs end up in it. A binary whose bytes did not change is not replaced.
$(BIN)/%: $(BUILD)/tool/%.o $(BUILD)/libbitfast.a
	@mkdir -p $(@D)
	$(call unless_same,$(call brief,link,$@) $(link) -o $(BUILD)/tool/$* $^ $(libraries) && \
	    if cmp -s $(BUILD)/tool/$* $@; then touch $@; else mv $(BUILD)/tool/$* $@; fi,$^)

$(BUILD)/tests/%.o: tests/%.c $(BUILD)/flags.txt
	@mkdir -p $(@D)
	$(call unless_same,$(compile) && $(move_compiled),$(read_sources))

$(BUILD)/tests/%: $(BUILD)/tests/%.o $(BUILD)/libbitfast.a $(references)
	$(call brief,link,$@) $(link) -o $@.part $< $(references) $(BUILD)/libbitfast.a $(libraries) -lcmocka -lmpfr
	@mv $@.part $@

# Without the test programs' libraries: `make deps` is enough.
$(BUILD)/tests/bench_kernels $(BUILD)/tests/fault_injector: $(BUILD)/tests/%: $(BUILD)/tests/%.o $(BUILD)/libbitfast.a
	$(call brief,link,$@) $(link) -o $@.part $^ $(libraries)
	@mv $@.part $@

# All scripts in tests/ but what they share, the benchmarks, and those with a target of their own.
tests := $(filter-out tests/lib.sh tests/project.sh tests/faults.sh tests/runs_lib.sh tests/servers.sh \
    tests/small_case.sh tests/audionet.py tests/tap.py tests/bench_% tests/bare.sh tests/esc10.sh tests/container.sh,\
    $(sort $(wildcard tests/*.sh tests/*.py)))

# Debian's Python with its packages, and the one that Debian 12 lacks.
$(BUILD)/venv/safetensors:
	@mkdir -p $(BUILD)
	/usr/bin/python3 -m venv --system-site-packages $(BUILD)/venv
	$(BUILD)/venv/bin/pip install --quiet --disable-pip-version-check safetensors==0.5.3
	@touch $@
# An S3 server.
$(BUILD)/venv/moto: $(BUILD)/venv/safetensors
	$(BUILD)/venv/bin/pip install --quiet --disable-pip-version-check 'moto[server]==5.2.5'
	@touch $@

-include $(wildcard $(BUILD)/*.d $(BUILD)/*/*.d $(BUILD)/*/*/*.d)
