//! Which values a `geo_point` takes: `{"lat": …, "lon": …}`, `[lon, lat]`, `"lat,lon"`,
//! `"POINT (lon lat)"` and geohashes.

use super::scalar::{Scalar, elements, members};

/// Whether an array is one point and not a list of points.
pub(crate) fn is_point(array: &str) -> bool {
    elements(array)
        .first()
        .is_some_and(|first| matches!(Scalar::read(first.get()), Scalar::Number(_)))
}

/// Says why the value is no point.
pub(crate) fn check(value: &Scalar<'_>) -> Result<(), String> {
    match value {
        Scalar::Null => Ok(()),
        Scalar::Object(object) => check_object(object),
        Scalar::Array(array) => check_array(array),
        Scalar::Text(text) => check_text(text),
        Scalar::Boolean(_) | Scalar::Number(_) => Err("geo_point expected".to_owned()),
    }
}

fn check_object(object: &str) -> Result<(), String> {
    let (mut latitude, mut longitude) = (None, None);
    for (key, value) in members(object) {
        let number = Scalar::read(value.get()).as_text().parse::<f64>().ok();
        match key.as_ref() {
            "lat" => latitude = Some(number),
            "lon" => longitude = Some(number),
            "geohash" => return check_geohash(&Scalar::read(value.get()).as_text()),
            _ => return Err("field must be either [lat], [lon] or [geohash]".to_owned()),
        }
    }
    match (latitude, longitude) {
        (None, _) => Err("field [lat] missing".to_owned()),
        (_, None) => Err("field [lon] missing".to_owned()),
        (Some(Some(latitude)), Some(Some(longitude))) => check_range(latitude, longitude),
        _ => Err("[lat] and [lon] must be valid double values".to_owned()),
    }
}

fn check_array(array: &str) -> Result<(), String> {
    let numbers: Vec<Option<f64>> = elements(array)
        .iter()
        .map(|element| match Scalar::read(element.get()) {
            Scalar::Number(text) => text.parse().ok(),
            _ => None,
        })
        .collect();
    match numbers.as_slice() {
        [Some(longitude), Some(latitude)] | [Some(longitude), Some(latitude), Some(_)] => {
            check_range(*latitude, *longitude)
        }
        _ => Err("geo_point expected: two numbers".to_owned()),
    }
}

fn check_text(text: &str) -> Result<(), String> {
    let upper = text.trim().to_ascii_uppercase();
    if let Some(rest) = upper.strip_prefix("POINT") {
        let inner = rest.trim().strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
        let numbers: Vec<f64> =
            inner.unwrap_or_default().split_whitespace().filter_map(|n| n.parse().ok()).collect();
        return match numbers.as_slice() {
            [longitude, latitude] => check_range(*latitude, *longitude),
            _ => Err(format!("[{text}] is no point")),
        };
    }
    if !text.contains(',') {
        return check_geohash(text);
    }
    let mut parts = text.split(',').map(|part| part.trim().parse::<f64>().ok());
    match (parts.next(), parts.next()) {
        (Some(Some(latitude)), Some(Some(longitude))) => check_range(latitude, longitude),
        (Some(None), _) => Err("latitude must be a number".to_owned()),
        _ => Err("longitude must be a number".to_owned()),
    }
}

fn check_geohash(text: &str) -> Result<(), String> {
    let known = |c: &char| "0123456789bcdefghjkmnpqrstuvwxyz".contains(*c);
    match text.chars().find(|c| !known(c)) {
        None if !text.is_empty() => Ok(()),
        None => Err("empty geohash".to_owned()),
        Some(symbol) => Err(format!("unsupported symbol [{symbol}] in geohash [{text}]")),
    }
}

fn check_range(latitude: f64, longitude: f64) -> Result<(), String> {
    if !(-90.0..=90.0).contains(&latitude) {
        return Err(format!("illegal latitude value [{latitude}]"));
    }
    if !(-180.0..=180.0).contains(&longitude) {
        return Err(format!("illegal longitude value [{longitude}]"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_told_from_other_values() {
        for (value, expected) in [
            (r#"{"lat":1,"lon":2}"#, true),
            (r#"{"lat":"1","lon":2}"#, true),
            (r#"{"lat":1}"#, false),
            (r#"{"lat":"a","lon":2}"#, false),
            ("[2,1]", true),
            ("[1]", false),
            (r#""1,2""#, true),
            (r#""91,2""#, false),
            (r#""1,a""#, false),
            (r#""POINT (1 2)""#, true),
            (r#""u4pruy""#, true),
            (r#""not here""#, false),
            ("5", false),
            ("true", false),
            ("null", true),
        ] {
            assert_eq!(check(&Scalar::read(value)).is_ok(), expected, "{value}");
        }
    }
}
