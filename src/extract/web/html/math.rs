//! Formulas (`MathML` Core, and `mfenced` of `MathML` 3) as TeX, which models and people read alike.
//!
//! A formula without fractions, roots, matrices and the like stays as it looks, without the marks of TeX.

use crate::extract::web::dom::{Kind, Page};

/// Real formulas nest some twenty deep.
const DEPTH_MAX: usize = 100;

/// What makes a formula need TeX.
const STRUCTURES: [&str; 9] =
    ["mfrac", "msqrt", "mroot", "mtable", "mfenced", "mover", "munder", "munderover", "mmultiscripts"];

/// Characters that have a name in TeX.
const NAMES: &[(char, &str)] = &[
    ('α', "alpha"),
    ('β', "beta"),
    ('γ', "gamma"),
    ('δ', "delta"),
    ('ε', "epsilon"),
    ('ϵ', "epsilon"),
    ('ζ', "zeta"),
    ('η', "eta"),
    ('θ', "theta"),
    ('ι', "iota"),
    ('κ', "kappa"),
    ('λ', "lambda"),
    ('μ', "mu"),
    ('ν', "nu"),
    ('ξ', "xi"),
    ('π', "pi"),
    ('ρ', "rho"),
    ('σ', "sigma"),
    ('τ', "tau"),
    ('υ', "upsilon"),
    ('φ', "varphi"),
    ('ϕ', "phi"),
    ('χ', "chi"),
    ('ψ', "psi"),
    ('ω', "omega"),
    ('Γ', "Gamma"),
    ('Δ', "Delta"),
    ('Θ', "Theta"),
    ('Λ', "Lambda"),
    ('Ξ', "Xi"),
    ('Π', "Pi"),
    ('Σ', "Sigma"),
    ('Φ', "Phi"),
    ('Ψ', "Psi"),
    ('Ω', "Omega"),
    ('∑', "sum"),
    ('∏', "prod"),
    ('∫', "int"),
    ('∞', "infty"),
    ('∂', "partial"),
    ('∇', "nabla"),
    ('→', "rightarrow"),
    ('←', "leftarrow"),
    ('⇒', "Rightarrow"),
    ('⇔', "Leftrightarrow"),
    ('≤', "leq"),
    ('≥', "geq"),
    ('≠', "neq"),
    ('≈', "approx"),
    ('≡', "equiv"),
    ('∈', "in"),
    ('∉', "notin"),
    ('⊂', "subset"),
    ('⊆', "subseteq"),
    ('∪', "cup"),
    ('∩', "cap"),
    ('∅', "varnothing"),
    ('∀', "forall"),
    ('∃', "exists"),
    ('×', "times"),
    ('·', "cdot"),
    ('⋅', "cdot"),
    ('±', "pm"),
    ('⋯', "cdots"),
    ('…', "ldots"),
    ('⋮', "vdots"),
    ('⋱', "ddots"),
    ('⟨', "langle"),
    ('⟩', "rangle"),
    ('〈', "langle"),
    ('〉', "rangle"),
    ('ℓ', "ell"),
    ('∗', "ast"),
    ('⊕', "oplus"),
    ('⊗', "otimes"),
    ('∥', "parallel"),
    ('⊥', "perp"),
];

/// A formula on one line.
pub(super) fn formula(page: &Page, id: usize) -> String {
    let is_tex = |node: &usize| {
        page.name(*node) == Some("annotation") && page.attr(*node, "encoding").is_some_and(|kind| kind.contains("tex"))
    };
    if let Some(annotation) = page.descendants(id).find(is_tex) {
        return format!("${}$", page.text(annotation).trim());
    }
    let structured = page.descendants(id).any(|node| page.name(node).is_some_and(|name| STRUCTURES.contains(&name)));
    let tex = Formula { page, structured }.row(id, 0);
    if structured { format!("${}$", tex.trim()) } else { tex.trim().to_owned() }
}

struct Formula<'p> {
    page: &'p Page,
    structured: bool,
}

impl Formula<'_> {
    fn parts(&self, id: usize) -> Vec<usize> {
        let children = self.page.nodes[id].children.iter().copied();
        children.filter(|child| matches!(self.page.nodes[*child].kind, Kind::Element { .. })).collect()
    }

    fn row(&self, id: usize, depth: usize) -> String {
        let mut out = String::new();
        for part in self.parts(id) {
            push(&mut out, &self.element(part, depth + 1));
        }
        out
    }

    /// The n-th part of an element.
    fn nth(&self, id: usize, index: usize, depth: usize) -> String {
        self.parts(id).get(index).map_or(String::new(), |part| self.element(*part, depth + 1))
    }

    fn element(&self, id: usize, depth: usize) -> String {
        if depth > DEPTH_MAX {
            return self.page.text(id).split_whitespace().collect();
        }
        let nth = |index| self.nth(id, index, depth);
        match self.page.name(id).unwrap_or_default() {
            "mi" | "mn" | "mo" | "ms" => self.token(id),
            "mtext" => self.page.text(id).split_whitespace().collect::<Vec<_>>().join(" "),
            "mspace" => self.space(id).to_owned(),
            "mfrac" => format!("\\frac{{{}}}{{{}}}", nth(0), nth(1)),
            "msqrt" => format!("\\sqrt{{{}}}", self.row(id, depth)),
            "mroot" => format!("\\sqrt[{}]{{{}}}", nth(1), nth(0)),
            "msub" | "munder" => format!("{}_{{{}}}", nth(0), nth(1)),
            "msup" => format!("{}^{{{}}}", nth(0), nth(1)),
            "msubsup" | "munderover" => format!("{}_{{{}}}^{{{}}}", nth(0), nth(1), nth(2)),
            "mover" => over(&nth(0), &nth(1)),
            "mfenced" => self.fenced(id, depth),
            "mtable" => self.table(id, "matrix", depth),
            "semantics" => nth(0),
            "annotation" | "annotation-xml" | "mphantom" | "maligngroup" | "malignmark" | "none" | "mprescripts" => {
                String::new()
            }
            _ => self.row(id, depth),
        }
    }

    /// Narrow spaces only place signs.
    fn space(&self, id: usize) -> &'static str {
        let width = self.page.attr(id, "width").and_then(|width| width.strip_suffix("em")?.parse::<f32>().ok());
        match width {
            Some(width) if width >= 2.0 && self.structured => "\\qquad",
            Some(width) if width >= 1.0 && self.structured => "\\quad",
            _ => " ",
        }
    }

    fn token(&self, id: usize) -> String {
        let text: String = self.page.text(id).split_whitespace().collect();
        if !self.structured {
            // Signs between terms are set apart, as they are printed.
            let relation = text.chars().all(|c| "=<>≤≥≠≈≡→⇒⇔∈+−".contains(c)) && !text.is_empty();
            return if relation { format!(" {text} ") } else { text };
        }
        let mut out = String::new();
        for c in text.chars() {
            match NAMES.iter().find(|(known, _)| *known == c) {
                Some((_, name)) => push(&mut out, &format!("\\{name}")),
                None if matches!(c, '{' | '}' | '%' | '#' | '&') => out.extend(['\\', c]),
                None if c == '\u{2061}' || c == '\u{2062}' => {}
                None => push(&mut out, c.encode_utf8(&mut [0; 4])),
            }
        }
        out
    }

    fn fenced(&self, id: usize, depth: usize) -> String {
        let mark = |key: &str, usual: &str| self.page.attr(id, key).unwrap_or(usual).trim().to_owned();
        let (open, close) = (mark("open", "("), mark("close", ")"));
        let parts = self.parts(id);
        let inner = self.only_table(&parts);
        if let ("[", "]", Some(table)) = (open.as_str(), close.as_str(), inner) {
            return self.table(table, "bmatrix", depth);
        }
        let separator = mark("separators", ",").chars().next().map_or(String::new(), String::from);
        let parts: Vec<String> = parts.into_iter().map(|part| self.element(part, depth + 1)).collect();
        format!("\\left{} {} \\right{}", fence(&open), parts.join(&separator), fence(&close))
    }

    /// The table that is all there is inside.
    fn only_table(&self, parts: &[usize]) -> Option<usize> {
        match parts {
            [part] if self.page.name(*part) == Some("mtable") => Some(*part),
            [part] if self.page.name(*part) == Some("mrow") => match self.parts(*part).as_slice() {
                [inner] if self.page.name(*inner) == Some("mtable") => Some(*inner),
                _ => None,
            },
            _ => None,
        }
    }

    fn table(&self, id: usize, kind: &str, depth: usize) -> String {
        let rows = self.parts(id).into_iter().map(|row| {
            let cells: Vec<String> = self.parts(row).into_iter().map(|cell| self.element(cell, depth + 2)).collect();
            cells.join(" & ")
        });
        format!("\\begin{{{kind}}} {} \\end{{{kind}}}", rows.collect::<Vec<_>>().join(" \\\\ "))
    }
}

/// Appends with a blank where a name would otherwise run into letters.
fn push(out: &mut String, piece: &str) {
    let name = out.rsplit('\\').next().unwrap_or("");
    let ends_name = out.contains('\\') && !name.is_empty() && name.chars().all(|c| c.is_ascii_alphabetic());
    if ends_name && piece.starts_with(|c: char| c.is_alphanumeric()) {
        out.push(' ');
    }
    out.push_str(piece);
}

fn over(base: &str, mark: &str) -> String {
    let name = match mark {
        "¯" | "‾" | "_" | "―" | "\u{305}" => "overline",
        "^" | "ˆ" => "hat",
        "~" | "˜" => "tilde",
        "\\rightarrow" | "⃗" => "vec",
        "." | "˙" => "dot",
        mark => return format!("\\overset{{{mark}}}{{{base}}}"),
    };
    format!("\\{name}{{{base}}}")
}

fn fence(mark: &str) -> String {
    match mark {
        "" => ".".to_owned(),
        "{" | "}" => format!("\\{mark}"),
        mark => {
            let named = mark.chars().next().and_then(|c| NAMES.iter().find(|(known, _)| *known == c));
            named.map_or_else(|| mark.to_owned(), |(_, name)| format!("\\{name}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::extract::tests::read;

    fn text(formula: &str) -> String {
        read(format!("<p>so <math>{formula}</math> holds").as_bytes(), "text/html").text
    }

    #[test]
    fn simple_formula_stays_as_it_looks() {
        assert_eq!(text("<mi>y</mi><mo>=</mo><msup><mi>x</mi><mn>2</mn></msup>"), "so y = x^{2} holds\n");
    }

    #[test]
    fn structure_becomes_tex() {
        let fraction = "<mfrac><mi>λ</mi><msqrt> <mn>2</mn> <mi>n</mi> </msqrt></mfrac>";
        assert_eq!(text(fraction), "so $\\frac{\\lambda}{\\sqrt{2n}}$ holds\n");
        let matrix = "<mfenced open='[' close=']'><mtable><mtr><mtd><mn>1</mn></mtd><mtd><mi>a</mi></mtd></mtr>\
            <mtr><mtd><mn>0</mn></mtd><mtd><mi>b</mi></mtd></mtr></mtable></mfenced>";
        assert_eq!(text(matrix), "so $\\begin{bmatrix} 1 & a \\\\ 0 & b \\end{bmatrix}$ holds\n");
    }

    #[test]
    fn tex_that_the_page_carries_is_taken() {
        let formula = "<semantics><mi>x</mi><annotation encoding='application/x-tex'>\\hat x</annotation></semantics>";
        assert_eq!(text(formula), "so $\\hat x$ holds\n");
    }
}
