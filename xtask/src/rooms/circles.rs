//! Circles of files: the strongly connected parts of the imports.

use petgraph::algo::tarjan_scc;
use petgraph::graphmap::DiGraphMap;

use super::sources::Imports;

/// Each circle of more than one file, its files in order.
pub(super) fn of(imports: &Imports) -> Vec<Vec<String>> {
    let arrows = imports.iter().flat_map(|(from, to)| to.iter().map(move |to| (from.as_str(), to.as_str())));
    let graph: DiGraphMap<&str, ()> = DiGraphMap::from_edges(arrows);
    let circles = tarjan_scc(&graph).into_iter().filter(|circle| circle.len() > 1);
    let mut named: Vec<Vec<String>> = circles.map(|circle| circle.into_iter().map(str::to_owned).collect()).collect();
    named.iter_mut().for_each(|circle| circle.sort());
    named.sort();
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_circles_and_a_line_between_them() {
        let arrows = [("a", "b"), ("b", "a"), ("b", "c"), ("c", "d"), ("d", "e"), ("e", "d")];
        let mut imports = Imports::new();
        for (from, to) in arrows {
            imports.entry(from.to_owned()).or_default().insert(to.to_owned());
        }
        assert_eq!(of(&imports), [["a", "b"], ["d", "e"]]);
    }
}
